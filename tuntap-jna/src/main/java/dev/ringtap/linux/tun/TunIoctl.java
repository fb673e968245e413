// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * The ioctls of {@code /dev/net/tun}, linux/if_tun.h. Those that name an interface take {@code struct ifreq}:
 *
 * <pre>
 *   0 char ifr_name[16]   16 union: u16 ifr_flags, or struct sockaddr ifr_hwaddr (u16 sa_family, then 6 bytes)
 *   40 bytes in all
 * </pre>
 */
enum TunIoctl {
    TUNSETIFF(write(202)),
    TUNSETPERSIST(write(203)),
    TUNSETOWNER(write(204)),
    TUNSETGROUP(write(206)),
    TUNGETFEATURES(read(207)),
    TUNSETOFFLOAD(write(208)),
    TUNSETTXFILTER(write(209)),
    TUNGETIFF(read(210)),
    TUNATTACHFILTER(writeFilter(213)),
    TUNDETACHFILTER(writeFilter(214)),
    TUNSETVNETHDRSZ(write(216)),
    TUNSETQUEUE(write(217)),
    TUNSETVNETLE(write(220)),
    // The header declares these two as reads; they do set.
    TUNSETSTEERINGEBPF(read(224)),
    TUNSETFILTEREBPF(read(225)),
    TUNSETCARRIER(write(226)),
    TUNGETDEVNETNS((long) 'T' << 8 | 227),
    SIOCSIFHWADDR(0x8924),
    SIOCGIFHWADDR(0x8927);

    static final int IFF_TAP = 0x0002;
    static final int IFF_MULTI_QUEUE = 0x0100;
    static final int IFF_ATTACH_QUEUE = 0x0200;
    static final int IFF_DETACH_QUEUE = 0x0400;
    static final int IFF_NO_PI = 0x1000;
    static final int IFF_VNET_HDR = 0x4000;
    static final int IFF_TUN_EXCL = 0x8000;

    static final int IFREQ_BYTES = 40;
    private static final int IFR_FLAGS = 16;
    private static final int IFR_HWADDR_FAMILY = 16;
    private static final int IFR_HWADDR = 18;
    private static final int ARPHRD_ETHER = 1;
    private static final int MAC_BYTES = 6;

    private final long request;

    TunIoctl(long request) {
        this.request = request;
    }

    long request() {
        return request;
    }

    // _IOW('T', number, int) and _IOR of asm-generic/ioctl.h: direction, 4 bytes of argument, type, number.
    private static long write(int number) {
        return 1L << 30 | 4 << 16 | 'T' << 8 | number;
    }

    // The argument is struct sock_fprog.
    private static long writeFilter(int number) {
        return 1L << 30 | 16 << 16 | 'T' << 8 | number;
    }

    private static long read(int number) {
        return 2L << 30 | 4 << 16 | 'T' << 8 | number;
    }

    /** Name of the call for messages. */
    String call() {
        return "ioctl " + name();
    }

    /** Passes a number itself; returns a negated errno on failure. */
    int tryValue(int fd, long value) {
        return Posix.ioctl(fd, request, value);
    }

    /** Passes a number itself. */
    void value(int fd, long value, String doing) throws NativeException {
        check(tryValue(fd, value), call(), doing);
    }

    /** Passes the address of an int. */
    void pointer(int fd, int value, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var argument = arena.allocateFrom(ValueLayout.JAVA_INT, value);
            check(Posix.ioctl(fd, request, argument.address()), call(), doing);
        }
    }

    /** Passes the address of an int for the kernel to fill. */
    int get(int fd, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var argument = arena.allocate(ValueLayout.JAVA_INT);
            check(Posix.ioctl(fd, request, argument.address()), call(), doing);
            return argument.get(ValueLayout.JAVA_INT, 0);
        }
    }

    /**
     * Passes an interface's name and flags.
     *
     * @param nameInOut the name in element 0, replaced by the one the kernel writes back
     * @return a negated errno on failure
     */
    int tryFlags(int fd, String[] nameInOut, int flags) {
        try (var arena = Arena.ofConfined()) {
            var ifreq = arena.allocate(IFREQ_BYTES, 8);
            byte[] name = nameInOut[0].getBytes(StandardCharsets.UTF_8);
            MemorySegment.copy(name, 0, ifreq, ValueLayout.JAVA_BYTE, 0, name.length);
            ifreq.set(ValueLayout.JAVA_SHORT, IFR_FLAGS, (short) flags);
            int result = Posix.ioctl(fd, request, ifreq.address());
            nameInOut[0] = ifreq.getString(0);
            return result;
        }
    }

    /**
     * Asks for an interface's name and flags.
     *
     * @param nameOut gets the name in element 0
     * @return IFF_* bits, or a negated errno
     */
    int getFlags(int fd, String[] nameOut) {
        try (var arena = Arena.ofConfined()) {
            var ifreq = arena.allocate(IFREQ_BYTES, 8);
            int result = Posix.ioctl(fd, request, ifreq.address());
            if (result < 0) return result;
            nameOut[0] = ifreq.getString(0);
            return Short.toUnsignedInt(ifreq.get(ValueLayout.JAVA_SHORT, IFR_FLAGS));
        }
    }

    /** Passes the address of an interface. */
    void setMac(int fd, byte[] mac, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var ifreq = arena.allocate(IFREQ_BYTES, 8);
            ifreq.set(ValueLayout.JAVA_SHORT, IFR_HWADDR_FAMILY, (short) ARPHRD_ETHER);
            MemorySegment.copy(mac, 0, ifreq, ValueLayout.JAVA_BYTE, IFR_HWADDR, MAC_BYTES);
            check(Posix.ioctl(fd, request, ifreq.address()), call(), doing);
        }
    }

    /** Passes a classic BPF program that lets everything through. linux/filter.h */
    void passAllFilter(int fd, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            // struct sock_filter {u16 code; u8 jt, jf; u32 k}: BPF_RET | BPF_K, as many bytes as there are.
            var filter = arena.allocateFrom(ValueLayout.JAVA_INT, 0x06, -1);
            // struct sock_fprog {u16 len; struct sock_filter *filter}
            var program = arena.allocate(16, 8);
            program.set(ValueLayout.JAVA_SHORT, 0, (short) 1);
            program.set(ValueLayout.JAVA_LONG, 8, filter.address());
            check(Posix.ioctl(fd, request, program.address()), call(), doing);
        }
    }

    /** Asks for the address of an interface. */
    byte[] getMac(int fd, String doing) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var ifreq = arena.allocate(IFREQ_BYTES, 8);
            check(Posix.ioctl(fd, request, ifreq.address()), call(), doing);
            return ifreq.asSlice(IFR_HWADDR, MAC_BYTES).toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
