// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import static dev.ringtap.linux.posix.NativeException.check;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/**
 * What {@code statx(2)} says of an open file. Not {@code fstat}: the layout of its result differs between machines.
 *
 * @param mode type and permission bits
 * @param sizeBytes of a regular file or memfd
 * @param blockSizeBytes preferred unit of transfer; the size of a page of a hugetlbfs file
 */
public record FileStatus(int mode, long sizeBytes, long blockSizeBytes) {
    private static final int S_IFMT = 0xF000;
    private static final int S_IFREG = 0x8000;

    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7FF;

    // struct statx, linux/stat.h; 256 bytes.
    private static final int STX_BLKSIZE = 4;
    private static final int STX_MODE = 28;
    private static final int STX_SIZE = 40;
    private static final int STATX_BYTES = 256;

    /**
     * Asks the kernel.
     *
     * @param fd an open descriptor of any kind
     * @param doing for the message, as {@link NativeException} wants it
     */
    public static FileStatus of(int fd, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var result = arena.allocate(STATX_BYTES, 8);
            var empty = arena.allocate(1);
            check(Posix.statx(fd, empty, AT_EMPTY_PATH, STATX_BASIC_STATS, result), "statx", doing);
            return new FileStatus(
                    Short.toUnsignedInt(result.get(ValueLayout.JAVA_SHORT, STX_MODE)),
                    result.get(ValueLayout.JAVA_LONG, STX_SIZE),
                    Integer.toUnsignedLong(result.get(ValueLayout.JAVA_INT, STX_BLKSIZE)));
        }
    }

    /** Whether this is a file with a size: on a disk, in a memfd or in hugetlbfs. */
    public boolean isRegular() {
        return (mode & S_IFMT) == S_IFREG;
    }
}
