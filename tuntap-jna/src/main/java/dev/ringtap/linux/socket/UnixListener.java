// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.socket;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** A listening stream socket in the file system. Who may connect is decided by the umask and by its directory. */
public final class UnixListener implements AutoCloseable {
    private static final int BACKLOG = 16;
    private static final int S_IFMT = 0xF000;
    private static final int S_IFSOCK = 0xC000;

    private final OwnedFd fd;
    private final Path path;
    private final Object fileKey;

    private UnixListener(OwnedFd fd, Path path, Object fileKey) {
        this.fd = fd;
        this.path = path;
        this.fileKey = fileKey;
    }

    /**
     * Creates the socket and listens. A socket file that nobody listens on, left behind by a process that was killed,
     * is replaced; a socket that answers, or a file of another kind, is left alone and refused. To find out whether
     * somebody listens there, a connection is made and closed.
     *
     * @param path at most 107 bytes; its directory exists
     * @throws NativeException EADDRINUSE if somebody listens there, EEXIST if the file is not a socket, ENAMETOOLONG
     * @throws IOException if the file that is in the way cannot be looked at or removed
     */
    public static UnixListener bind(Path path) throws IOException {
        String doing = "cannot listen on " + path;
        try (var arena = Arena.ofConfined()) {
            var address = UnixAddress.encode(path, arena, "bind", doing);
            int type = Posix.SOCK_STREAM | Posix.SOCK_NONBLOCK | Posix.SOCK_CLOEXEC;
            var fd = OwnedFd.of(check(Posix.socket(Posix.AF_UNIX, type, 0), "socket", doing));
            try {
                int result = Posix.bind(fd.number(), address.address(), (int) address.byteSize());
                if (result == -Errno.EADDRINUSE) {
                    removeStale(path, address, doing);
                    result = Posix.bind(fd.number(), address.address(), (int) address.byteSize());
                }
                check(result, "bind", doing);
                var fileKey = attributes(path).fileKey();
                check(Posix.listen(fd.number(), BACKLOG), "listen", doing);
                return new UnixListener(fd, path, fileKey);
            } catch (IOException | RuntimeException e) {
                fd.close();
                throw e;
            }
        }
    }

    private static void removeStale(Path path, MemorySegment address, String doing) throws IOException {
        try {
            Object before = attributes(path).fileKey();
            int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            if ((mode & S_IFMT) != S_IFSOCK) {
                String kept = " (a file of that name exists and is not a socket; it is left alone)";
                throw new NativeException("bind", Errno.EEXIST, doing + kept);
            }
            if (somebodyListens(address, doing))
                throw new NativeException("bind", Errno.EADDRINUSE, doing + " (another process listens there)");
            // Not the file of somebody who replaced the stale one at the same time as we do.
            if (attributes(path).fileKey().equals(before)) Files.delete(path);
        } catch (NoSuchFileException e) {
            // Its owner has just removed it: the name is free.
        }
    }

    private static boolean somebodyListens(MemorySegment address, String doing) throws NativeException {
        int type = Posix.SOCK_STREAM | Posix.SOCK_NONBLOCK | Posix.SOCK_CLOEXEC;
        try (var probe = OwnedFd.of(check(Posix.socket(Posix.AF_UNIX, type, 0), "socket", doing))) {
            int result = Posix.connect(probe.number(), address.address(), (int) address.byteSize());
            return switch (-result) {
                case Errno.ECONNREFUSED, Errno.ENOENT -> false;
                // A full backlog, a datagram socket, no permission: somebody's in any case.
                default -> true;
            };
        }
    }

    private static BasicFileAttributes attributes(Path path) throws IOException {
        return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    }

    /** The listening descriptor, non-blocking, to poll on; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    public Path path() {
        return path;
    }

    /**
     * Takes the next connection. Its descriptor blocks until set otherwise.
     *
     * @return the connection, owned by the caller, or {@code null} if none is waiting
     */
    public UnixConnection accept() throws NativeException {
        while (true) {
            int result = Posix.accept(fd.number(), Posix.SOCK_CLOEXEC);
            if (result >= 0) return UnixConnection.adopt(OwnedFd.of(result));
            if (result == -Errno.EAGAIN) return null;
            // Somebody connected and left again: the next one may be waiting.
            if (result != -Errno.ECONNABORTED)
                throw new NativeException("accept4", -result, "cannot accept a connection on " + path);
        }
    }

    /** Stops listening and removes the file, unless somebody put another one in its place. */
    @Override
    public void close() throws IOException {
        if (!fd.isOpen()) return;
        // While the socket is open its inode number cannot be given to a new file, so equal keys mean our file.
        try {
            if (fileKey.equals(attributes(path).fileKey())) Files.delete(path);
        } catch (NoSuchFileException e) {
            // Removed by somebody else: nothing is left behind.
        } finally {
            fd.close();
        }
    }

    @Override
    public String toString() {
        return "listener on " + path;
    }
}
