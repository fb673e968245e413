// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.memory;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.FileStatus;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A shared, readable and writable mapping of a descriptor, with a lifetime. The descriptor may be closed once this
 * exists. The segment may be used from every thread; after {@link #close} it refuses access.
 *
 * <p>Whoever shares the file may truncate it under the mapping. Access then raises {@link InternalError}, and the
 * process lives: catch it where the memory of a peer is touched.
 */
public final class SharedMapping implements AutoCloseable {
    private final Arena arena;
    private final MemorySegment segment;

    private SharedMapping(Arena arena, MemorySegment segment) {
        this.arena = arena;
        this.segment = segment;
    }

    /**
     * Maps a part of a file. The numbers may come straight from a peer.
     *
     * <p>Not by a {@link java.nio.channels.FileChannel} on {@code /proc/self/fd}: that would ask for permission to
     * open a file that we hold open already, and would extend a file that is too short.
     *
     * @param fd of a regular file, a memfd or a file in hugetlbfs, open for reading and writing
     * @param offsetBytes where the segment begins in the file; need not be a multiple of a page
     * @param sizeBytes of the segment, at least 1
     * @throws NativeException also if the range is not wholly within the file
     */
    public static SharedMapping map(int fd, long offsetBytes, long sizeBytes) throws NativeException {
        String doing = "cannot map " + Long.toUnsignedString(sizeBytes) + " bytes at offset "
                + Long.toUnsignedString(offsetBytes) + " of a shared file";
        var file = FileStatus.of(fd, doing);
        if (!file.isRegular()) throw new NativeException("mmap", Errno.ENODEV, doing + " (it is no file with a size)");
        if (offsetBytes < 0 || sizeBytes <= 0 || sizeBytes > file.sizeBytes() - offsetBytes) {
            String limit = " (the file has " + file.sizeBytes() + " bytes)";
            throw new NativeException("mmap", Errno.EINVAL, doing + limit);
        }
        // Only huge pages need more than the page: munmap then insists on whole ones. For other files a larger unit
        // merely maps a little more than the segment shows.
        long unit = Math.max(Posix.PAGE_SIZE_BYTES, powerOfTwoOrZero(file.blockSizeBytes()));
        long start = offsetBytes & -unit;
        long lengthBytes = (offsetBytes + sizeBytes - start + unit - 1) & -unit;
        long address = check(
                Posix.mmap(lengthBytes, Posix.PROT_READ | Posix.PROT_WRITE, Posix.MAP_SHARED, fd, start),
                "mmap",
                doing);
        return of(address, lengthBytes, offsetBytes - start, sizeBytes);
    }

    // reinterpret is restricted: it is right because exactly these bytes have just been mapped.
    @SuppressWarnings("restricted")
    private static SharedMapping of(long address, long mappedBytes, long skipBytes, long sizeBytes) {
        var arena = Arena.ofShared();
        var segment = MemorySegment.ofAddress(address + skipBytes)
                .reinterpret(sizeBytes, arena, mapped -> Posix.munmap(address, mappedBytes));
        return new SharedMapping(arena, segment);
    }

    private static long powerOfTwoOrZero(long value) {
        return Long.bitCount(value) == 1 ? value : 0;
    }

    /** The mapped range, of exactly the size that was asked for. */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * Unmaps; nothing happens the second time. Waits for threads that are just accessing the segment, which takes
     * milliseconds: not on a loop that carries packets. Addresses given to the kernel must be out of use.
     */
    @Override
    public void close() {
        if (arena.scope().isAlive()) arena.close();
    }
}
