// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.posix.IovecArray;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Walks over the memory that an array of {@code struct iovec} describes, as the kernel does for {@code readv} and
 * {@code writev}. Unlike the kernel it cannot tell a bad address: that of an iovec must be the process's own memory.
 */
final class IovecCursor {
    // Addresses come from the owner of the memory, who also keeps it valid; there is no segment to bound them by.
    @SuppressWarnings("restricted")
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final int BASE = 0;
    private static final int LENGTH = 8;

    private long entry;
    private long end;
    private long at;
    private long room;

    /**
     * Begins at the first byte.
     *
     * @return bytes of all entries together
     */
    long begin(long iovecs, int count) {
        entry = iovecs;
        end = iovecs + (long) IovecArray.ENTRY_BYTES * count;
        room = 0;
        long total = 0;
        for (long i = iovecs; i < end; i += IovecArray.ENTRY_BYTES) {
            total += MEMORY.get(ValueLayout.JAVA_LONG, i + LENGTH);
        }
        return total;
    }

    /** Copies as much as there is room for. */
    void put(byte[] source, int offset, int lengthBytes) {
        for (int left = lengthBytes; left > 0 && more(); ) {
            int piece = (int) Math.min(room, left);
            MemorySegment.copy(source, offset + lengthBytes - left, MEMORY, ValueLayout.JAVA_BYTE, at, piece);
            advance(piece);
            left -= piece;
        }
    }

    /** Fetches the next bytes, as far as there are any. */
    void get(byte[] target, int offset, int lengthBytes) {
        for (int left = lengthBytes; left > 0 && more(); ) {
            int piece = (int) Math.min(room, left);
            MemorySegment.copy(MEMORY, ValueLayout.JAVA_BYTE, at, target, offset + lengthBytes - left, piece);
            advance(piece);
            left -= piece;
        }
    }

    private boolean more() {
        while (room == 0) {
            if (entry == end) {
                return false;
            }
            at = MEMORY.get(ValueLayout.JAVA_LONG, entry + BASE);
            room = MEMORY.get(ValueLayout.JAVA_LONG, entry + LENGTH);
            entry += IovecArray.ENTRY_BYTES;
        }
        return true;
    }

    private void advance(int bytes) {
        at += bytes;
        room -= bytes;
    }
}
