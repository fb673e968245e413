// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import dev.ringtap.linux.net.LinkInfo;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;

/** What is to be known of descriptors that another process opened, before they are taken for the queues of one TAP. */
final class HandedInQueues {
    private static final Path OWN_NAMESPACE = Path.of("/proc/thread-self/ns/net");

    private HandedInQueues() {}

    /**
     * Checks that they are queues of one TAP, with virtio-net headers.
     *
     * @return the interface's name
     */
    static String check(List<Integer> fds) throws NativeException {
        if (new HashSet<>(fds).size() < fds.size())
            throw new IllegalArgumentException("a descriptor stands twice in " + fds);
        String first = null;
        byte[] firstMac = null;
        for (int fd : fds) {
            String name = check(fd, fds.size() > 1);
            byte[] mac = TunIoctl.SIOCGIFHWADDR.getMac(fd, "cannot read the address of the TAP device " + name);
            if (first == null) {
                first = name;
                firstMac = mac;
            } else if (!name.equals(first) || !Arrays.equals(mac, firstMac)) {
                throw unfit(
                        fd,
                        "is a queue of another TAP, " + name + ", than descriptor " + fds.getFirst() + ", " + first);
            }
        }
        return first;
    }

    private static String check(int fd, boolean several) throws NativeException {
        int status = Posix.fcntl(fd, Posix.F_GETFL, 0);
        if (status == -Errno.EBADF)
            throw unfit(fd, "is not open: hand it in without the flag FD_CLOEXEC", "fcntl F_GETFL", Errno.EBADF);
        String[] name = {""};
        int flags = TunIoctl.TUNGETIFF.getFlags(fd, name);
        if (flags < 0) {
            String problem = flags == -Errno.EBADFD
                    ? "has no interface yet (TUNSETIFF), or one that is gone"
                    : "is not of /dev/net/tun, or not open for use";
            throw unfit(fd, problem, TunIoctl.TUNGETIFF.call(), -flags);
        }
        if ((status & Posix.O_ACCMODE) != Posix.O_RDWR) throw unfit(fd, "is not open for reading and writing");
        if ((flags & TunIoctl.IFF_DETACH_QUEUE) != 0)
            throw unfit(fd, "is a queue of the TAP " + name[0] + " that is detached");
        if ((flags & TunIoctl.IFF_TAP) == 0)
            throw unfit(fd, "is of the TUN interface " + name[0] + ", which carries no Ethernet frames");
        String missing = null;
        if (!withoutPacketInformation(fd)) missing = "IFF_NO_PI";
        if ((flags & TunIoctl.IFF_VNET_HDR) == 0) missing = "IFF_VNET_HDR";
        if (several && (flags & TunIoctl.IFF_MULTI_QUEUE) == 0) missing = "IFF_MULTI_QUEUE";
        if (missing != null) throw unfit(fd, "is of the TAP " + name[0] + ", which was opened without " + missing);
        return name[0];
    }

    /** TUNGETIFF uses one bit for IFF_NO_PI and for IFF_NOFILTER: it tells the former only while there is a filter. */
    private static boolean withoutPacketInformation(int fd) throws NativeException {
        String doing = "cannot ask for the flags of descriptor " + fd;
        TunIoctl.TUNATTACHFILTER.passAllFilter(fd, doing);
        try {
            int flags = TunIoctl.TUNGETIFF.getFlags(fd, new String[1]);
            return (NativeException.check(flags, TunIoctl.TUNGETIFF.call(), doing) & TunIoctl.IFF_NO_PI) != 0;
        } finally {
            TunIoctl.TUNDETACHFILTER.passAllFilter(fd, doing);
        }
    }

    private static NativeException unfit(int fd, String problem) {
        return unfit(fd, problem, TunIoctl.TUNGETIFF.call(), Errno.EINVAL);
    }

    private static NativeException unfit(int fd, String problem, String call, int errno) {
        return new NativeException(call, errno, "cannot take over descriptor " + fd + " (it " + problem + ")");
    }

    /** Whether the interface is in this thread's network namespace. */
    static boolean inOwnNamespace(int fd, String name) throws NativeException {
        int result = TunIoctl.TUNGETDEVNETNS.tryValue(fd, 0);
        if (result >= 0) {
            try (var namespace = OwnedFd.of(result)) {
                var theirs = Files.readSymbolicLink(Path.of("/proc/self/fd", Integer.toString(namespace.number())));
                return theirs.equals(Files.readSymbolicLink(OWN_NAMESPACE));
            } catch (IOException e) {
                return false;
            }
        }
        // Only who has CAP_NET_ADMIN there is told. Two interfaces of the same name have different addresses.
        var here = LinkInfo.find(name);
        return here != null
                && here.kind().equals("tun")
                && Arrays.equals(
                        here.mac(),
                        TunIoctl.SIOCGIFHWADDR.getMac(fd, "cannot read the address of the TAP device " + name));
    }

    /** Frames would be steered to queues that nobody here reads. */
    static void refuseMissing(LinkInfo present, int handedIn, String doing) throws NativeException {
        if (present == null || present.tun() == null || !present.tun().multiQueue()) return;
        int queues = present.tun().queues() + present.tun().detachedQueues();
        if (queues == handedIn) return;
        throw new NativeException(
                TunIoctl.TUNGETIFF.call(),
                Errno.EBUSY,
                doing + " (it has " + queues + " queues, and " + handedIn + " of them were handed in)");
    }

    /** As if it had been opened here. */
    static OwnedFd own(int fd, String doing) throws NativeException {
        NativeException.check(Posix.fcntl(fd, Posix.F_SETFD, Posix.FD_CLOEXEC), "fcntl F_SETFD", doing);
        var owned = OwnedFd.of(fd);
        owned.setNonBlocking(true);
        return owned;
    }
}
