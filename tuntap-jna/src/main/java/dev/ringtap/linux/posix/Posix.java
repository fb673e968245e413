// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import com.sun.jna.Native;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * System calls with primitive arguments only. Unless said otherwise a method returns the non-negative result of the
 * call, or the negated errno; an address is that of off-heap memory and must stay valid during the call. A call that
 * a signal interrupted is made again, so {@code -EINTR} does not come back.
 *
 * <p>Nothing here keeps state; every method may be called from any thread.
 */
public final class Posix {
    public static final int O_RDONLY = 0;
    public static final int O_WRONLY = 1;
    public static final int O_RDWR = 2;
    public static final int O_ACCMODE = 3;
    public static final int O_CREAT = 0x40;
    public static final int O_EXCL = 0x80;
    public static final int O_NONBLOCK = 0x800;
    public static final int O_CLOEXEC = 0x80000;

    public static final int F_GETFD = 1;
    public static final int F_SETFD = 2;
    public static final int F_GETFL = 3;
    public static final int F_SETFL = 4;
    public static final int FD_CLOEXEC = 1;
    public static final int F_DUPFD_CLOEXEC = 1030;
    public static final int F_ADD_SEALS = 1033;
    public static final int F_GET_SEALS = 1034;

    public static final int PROT_READ = 1;
    public static final int PROT_WRITE = 2;
    public static final int MAP_SHARED = 1;

    public static final int AF_UNIX = 1;
    public static final int AF_INET = 2;
    public static final int AF_INET6 = 10;
    public static final int AF_NETLINK = 16;
    public static final int AF_PACKET = 17;
    public static final int SOCK_STREAM = 1;
    public static final int SOCK_DGRAM = 2;
    public static final int SOCK_RAW = 3;
    public static final int SOCK_NONBLOCK = 0x800;
    public static final int SOCK_CLOEXEC = 0x80000;
    public static final int SOL_SOCKET = 1;
    public static final int SCM_RIGHTS = 1;
    public static final int MSG_CTRUNC = 0x8;
    public static final int MSG_TRUNC = 0x20;
    public static final int MSG_DONTWAIT = 0x40;
    public static final int MSG_NOSIGNAL = 0x4000;
    public static final int MSG_CMSG_CLOEXEC = 0x40000000;

    public static final int CLONE_NEWNET = 0x40000000;

    /** Bytes of a page of this machine's memory: a power of two. */
    public static final int PAGE_SIZE_BYTES = Libc.getpagesize();

    private static final short POLLOUT = 4;
    /** One {@code struct pollfd} {int fd; short events; short revents} for each thread that asks. */
    private static final ThreadLocal<MemorySegment> POLL_REQUEST =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(8, 4));

    private Posix() {}

    /** {@code readv(2)} from {@code count} entries of {@code struct iovec} at {@code iovecAddress}. */
    public static long readv(int fd, long iovecAddress, int count) {
        long result;
        do {
            result = result(Libc.readv(fd, iovecAddress, count));
        } while (result == -Errno.EINTR);
        return result;
    }

    /** {@code writev(2)} of {@code count} entries of {@code struct iovec} at {@code iovecAddress}. */
    public static long writev(int fd, long iovecAddress, int count) {
        long result;
        do {
            result = result(Libc.writev(fd, iovecAddress, count));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long read(int fd, long address, long lengthBytes) {
        long result;
        do {
            result = result(Libc.read(fd, address, lengthBytes));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long write(int fd, long address, long lengthBytes) {
        long result;
        do {
            result = result(Libc.write(fd, address, lengthBytes));
        } while (result == -Errno.EINTR);
        return result;
    }

    /** Whether {@code O_NONBLOCK} is set; false if the descriptor is not open. */
    public static boolean isNonBlocking(int fd) {
        int flags = fcntl(fd, F_GETFL, 0);
        return flags >= 0 && (flags & O_NONBLOCK) != 0;
    }

    /** Whether {@code poll(2)} says that a write to {@code fd} would not wait. */
    public static boolean writable(int fd) {
        MemorySegment request = POLL_REQUEST.get();
        request.set(ValueLayout.JAVA_INT, 0, fd);
        request.set(ValueLayout.JAVA_SHORT, 4, POLLOUT);
        request.set(ValueLayout.JAVA_SHORT, 6, (short) 0);
        return Libc.poll(request.address(), 1, 0) == 1 && (request.get(ValueLayout.JAVA_SHORT, 6) & POLLOUT) != 0;
    }

    public static int ioctl(int fd, long request, long argument) {
        int result;
        do {
            result = result(Libc.ioctl(fd, request, argument));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static int fcntl(int fd, int command, long argument) {
        return result(Libc.fcntl(fd, command, argument));
    }

    /** Opens a file; add {@link #O_CLOEXEC} yourself. A file that is created gets mode 0600. */
    public static int open(String path, int flags) {
        try (var arena = Arena.ofConfined()) {
            long address = arena.allocateFrom(path).address();
            int result;
            do {
                result = result(Libc.open(address, flags, 0600));
            } while (result == -Errno.EINTR);
            return result;
        }
    }

    /**
     * {@code close(2)}, never repeated: on Linux the number is free again even when the call was interrupted, and may
     * be another thread's by then.
     */
    public static int close(int fd) {
        return result(Libc.close(fd));
    }

    public static int ftruncate(int fd, long lengthBytes) {
        return result(Libc.ftruncate(fd, lengthBytes));
    }

    public static int unlink(String path) {
        try (var arena = Arena.ofConfined()) {
            return result(Libc.unlink(arena.allocateFrom(path).address()));
        }
    }

    static int statx(int fd, MemorySegment emptyPath, int flags, int mask, MemorySegment result) {
        return result(Libc.statx(fd, emptyPath.address(), flags, mask, result.address()));
    }

    public static int eventfd(int initial, int flags) {
        return result(Libc.eventfd(initial, flags));
    }

    public static int memfdCreate(String name, int flags) {
        try (var arena = Arena.ofConfined()) {
            return result(Libc.memfd_create(arena.allocateFrom(name).address(), flags));
        }
    }

    /** {@code pipe2(2)}: the read end, then the write end, as two ints at {@code pairAddress}. */
    public static int pipe2(long pairAddress, int flags) {
        return result(Libc.pipe2(pairAddress, flags));
    }

    /** {@code mmap(2)} at an address of the kernel's choice. User addresses are positive, so the sign still tells. */
    public static long mmap(long lengthBytes, int protection, int flags, int fd, long offsetBytes) {
        return result(Libc.mmap(0, lengthBytes, protection, flags, fd, offsetBytes));
    }

    public static int munmap(long address, long lengthBytes) {
        return result(Libc.munmap(address, lengthBytes));
    }

    public static int socket(int domain, int type, int protocol) {
        return result(Libc.socket(domain, type, protocol));
    }

    public static int socketpair(int domain, int type, int protocol, long pairAddress) {
        return result(Libc.socketpair(domain, type, protocol, pairAddress));
    }

    public static int bind(int fd, long address, int lengthBytes) {
        return result(Libc.bind(fd, address, lengthBytes));
    }

    public static int listen(int fd, int backlog) {
        return result(Libc.listen(fd, backlog));
    }

    public static int connect(int fd, long address, int lengthBytes) {
        int result;
        do {
            result = result(Libc.connect(fd, address, lengthBytes));
        } while (result == -Errno.EINTR);
        return result;
    }

    /** {@code accept4(2)} without asking for the peer's address. */
    public static int accept(int fd, int flags) {
        int result;
        do {
            result = result(Libc.accept4(fd, 0, 0, flags));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long sendmsg(int fd, long messageAddress, int flags) {
        long result;
        do {
            result = result(Libc.sendmsg(fd, messageAddress, flags));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long recvmsg(int fd, long messageAddress, int flags) {
        long result;
        do {
            result = result(Libc.recvmsg(fd, messageAddress, flags));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long send(int fd, long address, long lengthBytes, int flags) {
        long result;
        do {
            result = result(Libc.send(fd, address, lengthBytes, flags));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static long recv(int fd, long address, long lengthBytes, int flags) {
        long result;
        do {
            result = result(Libc.recv(fd, address, lengthBytes, flags));
        } while (result == -Errno.EINTR);
        return result;
    }

    public static int setsockopt(int fd, int level, int option, long valueAddress, int lengthBytes) {
        return result(Libc.setsockopt(fd, level, option, valueAddress, lengthBytes));
    }

    /** {@code getsockopt(2)}; {@code lengthAddress} points to an int that holds the room and receives the length. */
    public static int getsockopt(int fd, int level, int option, long valueAddress, long lengthAddress) {
        return result(Libc.getsockopt(fd, level, option, valueAddress, lengthAddress));
    }

    /** Moves the calling thread, and no other, into new namespaces. */
    public static int unshare(int flags) {
        return result(Libc.unshare(flags));
    }

    /** Moves the calling thread, and no other, into the namespace behind a descriptor. */
    public static int setns(int fd, int type) {
        return result(Libc.setns(fd, type));
    }

    public static int effectiveUid() {
        return Libc.geteuid();
    }

    /** Any system call by its number, which differs between machines; unused arguments are 0. */
    public static long syscall(long number, long a, long b, long c, long d, long e, long f) {
        return result(Libc.syscall(number, a, b, c, d, e, f));
    }

    // JNA keeps errno of the last native call of this thread, so nothing native may come in between.
    private static int result(int returned) {
        return returned != -1 ? returned : -Native.getLastError();
    }

    private static long result(long returned) {
        return returned != -1 ? returned : -Native.getLastError();
    }
}
