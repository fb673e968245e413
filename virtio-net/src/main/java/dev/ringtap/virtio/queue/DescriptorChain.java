// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;

/**
 * The buffers of one descriptor chain as pieces of memory here; reusable, filled by {@link SplitVirtqueue#readChain}.
 *
 * <pre>
 *   piece     0 .. readable()-1            readable() .. pieces()-1
 *           | device-readable bytes      | device-writable bytes      |
 *           0 ....... readableBytes()    0 ....... writableBytes()
 * </pre>
 *
 * <p>A piece is 1 to 2^30 bytes that are contiguous here. A buffer makes more than one piece where it crosses from one
 * region of memory to the next or is longer than that, and none if its length is zero. How the driver cut its bytes into
 * buffers carries no meaning (VIRTIO 1.3, 2.7.4 Message Framing), so readers go by byte positions.
 *
 * <p>Not thread-safe. Nothing here allocates but the constructor. The memory is shared with the guest: what was read twice
 * may differ.
 */
public final class DescriptorChain {
    private final MemorySegment[] segment;
    private final long[] offset;
    private final int[] length;
    private int head = SplitVirtqueue.EMPTY;
    private int readable;
    private int pieces;
    private long readableBytes;
    private long writableBytes;

    /**
     * An empty chain.
     *
     * @param maxPieces the most pieces it can hold, at least 1; a chain that needs more is refused. For a system call that
     *     takes an iovec array, what that call takes ({@code UIO_MAXIOV} is 1024)
     */
    public DescriptorChain(int maxPieces) {
        if (maxPieces < 1) {
            throw new IllegalArgumentException("maxPieces " + maxPieces + ": at least 1");
        }
        segment = new MemorySegment[maxPieces];
        offset = new long[maxPieces];
        length = new int[maxPieces];
    }

    /** The index of the chain's first descriptor, or {@link SplitVirtqueue#EMPTY} if no chain was read. */
    public int head() {
        return head;
    }

    /** How many pieces there are. */
    public int pieces() {
        return pieces;
    }

    /** How many pieces are device-readable; they come first. */
    public int readable() {
        return readable;
    }

    /** How many pieces are device-writable; they come last. */
    public int writable() {
        return pieces - readable;
    }

    /** How many bytes the device may read: 0 to 2^32. */
    public long readableBytes() {
        return readableBytes;
    }

    /** How many bytes the device may write: 0 to 2^32. */
    public long writableBytes() {
        return writableBytes;
    }

    /** The most pieces this can hold. */
    public int maxPieces() {
        return segment.length;
    }

    /** The region of memory that a piece lies in. */
    public MemorySegment segment(int piece) {
        return segment[Objects.checkIndex(piece, pieces)];
    }

    /** Where a piece starts in its {@link #segment(int)}. */
    public long offset(int piece) {
        return offset[Objects.checkIndex(piece, pieces)];
    }

    /** The size of a piece in bytes: 1 to 2^30. */
    public int length(int piece) {
        return length[Objects.checkIndex(piece, pieces)];
    }

    /** The address of a piece in this process, as a system call takes it; valid while the region stays mapped. */
    public long nativeAddress(int piece) {
        return segment[Objects.checkIndex(piece, pieces)].address() + offset[piece];
    }

    /**
     * Copies device-readable bytes out.
     *
     * @param fromByte position in the device-readable bytes, at least 0
     * @return how many were copied: {@code length}, or fewer if the device-readable bytes end before
     * @throws IndexOutOfBoundsException if {@code dst} has no such range, or {@code fromByte} is negative
     */
    public int copyOut(long fromByte, MemorySegment dst, int dstOffset, int length) {
        Objects.checkFromIndexSize(dstOffset, length, dst.byteSize());
        int copied = 0;
        long skip = requirePosition(fromByte);
        for (int i = 0; i < readable && copied < length; i++) {
            long here = this.length[i] - skip;
            if (here <= 0) {
                skip = -here;
                continue;
            }
            int bytes = (int) Math.min(here, length - copied);
            MemorySegment.copy(segment[i], offset[i] + skip, dst, (long) dstOffset + copied, bytes);
            copied += bytes;
            skip = 0;
        }
        return copied;
    }

    /**
     * Copies device-readable bytes out.
     *
     * @param fromByte position in the device-readable bytes, at least 0
     * @return how many were copied: {@code length}, or fewer if the device-readable bytes end before
     * @throws IndexOutOfBoundsException if {@code dst} has no such range, or {@code fromByte} is negative
     */
    public int copyOut(long fromByte, byte[] dst, int dstOffset, int length) {
        Objects.checkFromIndexSize(dstOffset, length, dst.length);
        int copied = 0;
        long skip = requirePosition(fromByte);
        for (int i = 0; i < readable && copied < length; i++) {
            long here = this.length[i] - skip;
            if (here <= 0) {
                skip = -here;
                continue;
            }
            int bytes = (int) Math.min(here, length - copied);
            MemorySegment.copy(segment[i], ValueLayout.JAVA_BYTE, offset[i] + skip, dst, dstOffset + copied, bytes);
            copied += bytes;
            skip = 0;
        }
        return copied;
    }

    /**
     * Copies bytes into the device-writable part. Device-readable bytes are never written (VIRTIO 1.3, 2.7.5.1).
     *
     * @param atByte position in the device-writable bytes, at least 0
     * @return how many were copied: {@code length}, or fewer if the device-writable bytes end before
     * @throws IndexOutOfBoundsException if {@code src} has no such range, or {@code atByte} is negative
     */
    public int copyIn(long atByte, MemorySegment src, int srcOffset, int length) {
        Objects.checkFromIndexSize(srcOffset, length, src.byteSize());
        int copied = 0;
        long skip = requirePosition(atByte);
        for (int i = readable; i < pieces && copied < length; i++) {
            long here = this.length[i] - skip;
            if (here <= 0) {
                skip = -here;
                continue;
            }
            int bytes = (int) Math.min(here, length - copied);
            MemorySegment.copy(src, (long) srcOffset + copied, segment[i], offset[i] + skip, bytes);
            copied += bytes;
            skip = 0;
        }
        return copied;
    }

    /**
     * Copies bytes into the device-writable part. Device-readable bytes are never written (VIRTIO 1.3, 2.7.5.1).
     *
     * @param atByte position in the device-writable bytes, at least 0
     * @return how many were copied: {@code length}, or fewer if the device-writable bytes end before
     * @throws IndexOutOfBoundsException if {@code src} has no such range, or {@code atByte} is negative
     */
    public int copyIn(long atByte, byte[] src, int srcOffset, int length) {
        Objects.checkFromIndexSize(srcOffset, length, src.length);
        int copied = 0;
        long skip = requirePosition(atByte);
        for (int i = readable; i < pieces && copied < length; i++) {
            long here = this.length[i] - skip;
            if (here <= 0) {
                skip = -here;
                continue;
            }
            int bytes = (int) Math.min(here, length - copied);
            MemorySegment.copy(src, srcOffset + copied, segment[i], ValueLayout.JAVA_BYTE, offset[i] + skip, bytes);
            copied += bytes;
            skip = 0;
        }
        return copied;
    }

    private static long requirePosition(long byteIndex) {
        if (byteIndex < 0) {
            throw new IndexOutOfBoundsException(byteIndex);
        }
        return byteIndex;
    }

    /**
     * Makes this hold the same pieces as another.
     *
     * @throws IllegalArgumentException if the other has more pieces than this can hold
     */
    public void copyFrom(DescriptorChain other) {
        if (other.pieces > segment.length) {
            throw new IllegalArgumentException(other.pieces + " pieces, room for " + segment.length);
        }
        System.arraycopy(other.segment, 0, segment, 0, other.pieces);
        System.arraycopy(other.offset, 0, offset, 0, other.pieces);
        System.arraycopy(other.length, 0, length, 0, other.pieces);
        head = other.head;
        readable = other.readable;
        pieces = other.pieces;
        readableBytes = other.readableBytes;
        writableBytes = other.writableBytes;
    }

    /** Empties this and forgets every region, so that a replaced memory table can go. Not needed between chains. */
    public void clear() {
        restart(SplitVirtqueue.EMPTY);
        Arrays.fill(segment, null);
    }

    void restart(int newHead) {
        head = newHead;
        readable = 0;
        pieces = 0;
        readableBytes = 0;
        writableBytes = 0;
    }

    boolean full() {
        return pieces == segment.length;
    }

    /** Adds a piece; the caller saw that this is not {@link #full()} and that readable pieces come first. */
    void add(MemorySegment region, long offsetBytes, int lengthBytes, boolean writable) {
        segment[pieces] = region;
        offset[pieces] = offsetBytes;
        length[pieces] = lengthBytes;
        pieces++;
        if (writable) {
            writableBytes += lengthBytes;
        } else {
            readable++;
            readableBytes += lengthBytes;
        }
    }

    @Override
    public String toString() {
        return "DescriptorChain[head=" + head + ", readable=" + readable + " pieces of " + readableBytes
                + " bytes, writable=" + writable() + " pieces of " + writableBytes + " bytes]";
    }
}
