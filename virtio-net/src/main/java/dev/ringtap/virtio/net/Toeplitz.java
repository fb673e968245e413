// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.Arrays;
import java.util.Objects;

/**
 * The Toeplitz hash under one key, by table: the hash is linear over XOR, so the hash of an input is the XOR of one table
 * entry per byte. VIRTIO 1.3, 5.1.6.4.3 Hash calculation for incoming packets; Microsoft, "RSS hashing functions".
 * Immutable.
 */
public final class Toeplitz {
    /** Longest input: two IPv6 addresses and two ports. */
    public static final int MAX_INPUT_BYTES = 36;

    /** Key bytes that an input of {@link #MAX_INPUT_BYTES} needs: a 32-bit window slides over one bit per input bit. */
    public static final int MAX_KEY_BYTES = MAX_INPUT_BYTES + 4;

    private final int[] byteTable;

    /**
     * @param key 0 to {@value #MAX_KEY_BYTES} bytes; a shorter key is followed by zeros
     * @throws IllegalArgumentException if the key is longer
     */
    public Toeplitz(byte[] key) {
        if (key.length > MAX_KEY_BYTES) {
            throw new IllegalArgumentException(
                    "key has " + key.length + " bytes, at most " + MAX_KEY_BYTES + " is right");
        }
        byte[] padded = Arrays.copyOf(key, MAX_KEY_BYTES);
        int[] table = new int[MAX_INPUT_BYTES << 8];
        for (int i = 0; i < MAX_INPUT_BYTES; i++) {
            // The 32-bit windows that begin in byte i of the key are all inside these 40 bits.
            long window = 0;
            for (int k = 0; k < 5; k++) {
                window = window << 8 | padded[i + k] & 0xFF;
            }
            for (int v = 1; v < 256; v++) {
                int lowest = Integer.numberOfTrailingZeros(v);
                // Bit 7 of the input byte comes first and takes the window at the byte's start.
                table[i << 8 | v] = table[i << 8 | v & v - 1] ^ (int) (window >>> lowest + 1);
            }
        }
        byteTable = table;
    }

    /**
     * A copy of the table: entry {@code i * 256 + v} is the hash of the 36-byte input whose only non-zero byte is byte
     * {@code i}, of value {@code v}.
     */
    public int[] byteTable() {
        return byteTable.clone();
    }

    /** The table itself; not to be written. */
    int[] sharedTable() {
        return byteTable;
    }

    /**
     * The hash of {@code length} bytes from {@code offset}.
     *
     * @param length 0 to {@value #MAX_INPUT_BYTES}
     */
    public int hash(byte[] input, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, input.length);
        if (length > MAX_INPUT_BYTES) {
            throw new IllegalArgumentException("length " + length + " is beyond " + MAX_INPUT_BYTES);
        }
        int hash = 0;
        for (int i = 0; i < length; i++) {
            hash ^= byteTable[i << 8 | input[offset + i] & 0xFF];
        }
        return hash;
    }
}
