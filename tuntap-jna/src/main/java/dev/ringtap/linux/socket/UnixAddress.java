// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.socket;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.Charset;
import java.nio.file.Path;

/**
 * {@code struct sockaddr_un}, linux/un.h:
 *
 * <pre>
 *   0   u16   sun_family   AF_UNIX
 *   2   char  sun_path[108], with the terminating zero
 * </pre>
 */
final class UnixAddress {
    /** Longest path, without the terminating zero. */
    static final int MAX_PATH_BYTES = 107;

    private static final int PATH = 2;

    // How the JDK itself turns a Path into the bytes of a file name.
    private static final Charset FILE_NAMES = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    private UnixAddress() {}

    /**
     * Encodes a path, with its terminating zero.
     *
     * @param doing for the message of a path that does not fit, which is a {@link NativeException}
     */
    static MemorySegment encode(Path path, Arena arena, String call, String doing) throws NativeException {
        byte[] bytes = path.toString().getBytes(FILE_NAMES);
        // Without a name the kernel would make up an address of its own.
        if (bytes.length == 0) throw new NativeException(call, Errno.EINVAL, doing + " (the path is empty)");
        if (bytes.length > MAX_PATH_BYTES) {
            String lengths =
                    " (the path has " + bytes.length + " bytes, a socket's has at most " + MAX_PATH_BYTES + ")";
            throw new NativeException(call, Errno.ENAMETOOLONG, doing + lengths);
        }
        var address = arena.allocate(PATH + bytes.length + 1L, 8);
        address.set(ValueLayout.JAVA_SHORT, 0, (short) Posix.AF_UNIX);
        MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE, PATH, bytes.length);
        return address;
    }
}
