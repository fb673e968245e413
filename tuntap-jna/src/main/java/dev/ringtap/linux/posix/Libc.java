// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/**
 * The C library by JNA direct mapping. Every argument is a primitive (an address is a {@code long}), so a call
 * allocates nothing; the names and the order of arguments are those of the manual pages.
 *
 * <p>Each function returns -1 (or {@code MAP_FAILED}) and leaves the reason in errno; only {@link Posix} calls these,
 * because errno must be fetched on the same thread before anything else happens on it.
 */
final class Libc {
    static {
        // The C library is part of the process already: asking for it by name would depend on how each
        // distribution names the file.
        Native.register(Libc.class, NativeLibrary.getProcess());
    }

    private Libc() {}

    static native int open(long path, int flags, int mode);

    static native int close(int fd);

    static native long read(int fd, long buffer, long count);

    static native long write(int fd, long buffer, long count);

    static native long readv(int fd, long iovec, int count);

    static native long writev(int fd, long iovec, int count);

    static native int ioctl(int fd, long request, long argument);

    static native int fcntl(int fd, int command, long argument);

    static native int ftruncate(int fd, long length);

    static native int statx(int directory, long path, int flags, int mask, long result);

    static native int unlink(long path);

    static native int eventfd(int initial, int flags);

    static native int memfd_create(long name, int flags);

    static native int pipe2(long pair, int flags);

    static native long mmap(long address, long length, int protection, int flags, int fd, long offset);

    static native int munmap(long address, long length);

    static native int socket(int domain, int type, int protocol);

    static native int socketpair(int domain, int type, int protocol, long pair);

    static native int bind(int fd, long address, int length);

    static native int listen(int fd, int backlog);

    static native int connect(int fd, long address, int length);

    static native int accept4(int fd, long address, long length, int flags);

    static native long sendmsg(int fd, long message, int flags);

    static native long recvmsg(int fd, long message, int flags);

    static native long send(int fd, long buffer, long length, int flags);

    static native long recv(int fd, long buffer, long length, int flags);

    static native int setsockopt(int fd, int level, int option, long value, int length);

    static native int getsockopt(int fd, int level, int option, long value, long length);

    static native int poll(long fds, long count, int timeoutMs);

    static native int unshare(int flags);

    static native int setns(int fd, int type);

    static native int getpagesize();

    static native int geteuid();

    static native int getpid();

    static native long syscall(long number, long a, long b, long c, long d, long e, long f);

    static native String strerror(int errno);
}
