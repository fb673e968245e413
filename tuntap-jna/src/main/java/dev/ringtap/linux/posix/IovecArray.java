// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An array of {@code struct iovec} off heap, for {@link Posix#readv}, {@link Posix#writev} and io_uring. Entry
 * {@code i}, linux/uio.h, in the machine's byte order:
 *
 * <pre>
 *   16 * i + 0   void  *iov_base
 *   16 * i + 8   size_t iov_len    bytes
 * </pre>
 *
 * Not thread-safe. The memory must not be closed while the kernel may still read it.
 */
public final class IovecArray implements AutoCloseable {
    /** Bytes of one entry. */
    public static final int ENTRY_BYTES = 16;

    private static final int BASE = 0;
    private static final int LENGTH = 8;

    private final Arena arena;
    private final MemorySegment entries;
    private final long address;
    private final int capacity;

    /**
     * @param capacity entries, at least 1; one call of the kernel takes at most 1024
     */
    public IovecArray(int capacity) {
        if (capacity < 1) throw new IllegalArgumentException("an iovec array of " + capacity + " entries");
        this.capacity = capacity;
        // Shared, not confined: an event loop may be set up by one thread and run by another.
        arena = Arena.ofShared();
        entries = arena.allocate((long) ENTRY_BYTES * capacity, ENTRY_BYTES);
        address = entries.address();
    }

    /**
     * Fills one entry.
     *
     * @param i below {@link #capacity}
     * @param baseAddress of the memory to read into or write from
     * @param lengthBytes not negative
     */
    public void set(int i, long baseAddress, long lengthBytes) {
        long at = (long) ENTRY_BYTES * i;
        entries.set(ValueLayout.JAVA_LONG, at + BASE, baseAddress);
        entries.set(ValueLayout.JAVA_LONG, at + LENGTH, lengthBytes);
    }

    /** The length set in one entry. */
    public long lengthBytes(int i) {
        return entries.get(ValueLayout.JAVA_LONG, (long) ENTRY_BYTES * i + LENGTH);
    }

    /** Address of entry 0. */
    public long address() {
        return address;
    }

    /** Address of entry {@code i}; {@code capacity()} gives the end. */
    public long addressOf(int i) {
        if (i < 0 || i > capacity) throw new IndexOutOfBoundsException("entry " + i + " of " + capacity);
        return address + (long) ENTRY_BYTES * i;
    }

    public int capacity() {
        return capacity;
    }

    /** Frees the memory; nothing happens the second time. Takes milliseconds: not between packets. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) arena.close();
    }
}
