// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.ring;

import java.util.Arrays;

/**
 * The elements of one buffer before it becomes a descriptor chain: device-readable ones first, then device-writable
 * ones (VIRTIO 1.3, 2.7.4.2 Message Framing). Reusable; grows to the longest it has held.
 */
public final class BufferList {
    private long[] guestAddresses = new long[8];
    private int[] lengths = new int[8];
    private int count;
    private int readable;
    private long writableBytes;

    public BufferList clear() {
        count = 0;
        readable = 0;
        writableBytes = 0;
        return this;
    }

    /**
     * @param lengthBytes unsigned 32 bits
     * @throws IllegalStateException after a writable element
     */
    public BufferList readable(long guestAddress, int lengthBytes) {
        if (count != readable) {
            throw new IllegalStateException("a device-readable element after a device-writable one");
        }
        readable++;
        return append(guestAddress, lengthBytes);
    }

    /** @param lengthBytes unsigned 32 bits */
    public BufferList writable(long guestAddress, int lengthBytes) {
        writableBytes += Integer.toUnsignedLong(lengthBytes);
        return append(guestAddress, lengthBytes);
    }

    private BufferList append(long guestAddress, int lengthBytes) {
        if (count == lengths.length) {
            guestAddresses = Arrays.copyOf(guestAddresses, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        guestAddresses[count] = guestAddress;
        lengths[count++] = lengthBytes;
        return this;
    }

    public int count() {
        return count;
    }

    /** How many of the elements, from the first, are device-readable. */
    public int readableCount() {
        return readable;
    }

    public long writableBytes() {
        return writableBytes;
    }

    public long guestAddress(int element) {
        return guestAddresses[element];
    }

    /** Unsigned 32 bits. */
    public int length(int element) {
        return lengths[element];
    }
}
