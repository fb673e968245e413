// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.ConstantProgram;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.WeakThread;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Queues that another process opened, as by their descriptors. */
@RequiresTap
class HandedInTapTest {
    private static final int O_PATH = 0x200000;
    private static final int IFF_TUN = 0x0001;
    private static final int GOOD =
            TunIoctl.IFF_TAP | TunIoctl.IFF_NO_PI | TunIoctl.IFF_VNET_HDR | TunIoctl.IFF_MULTI_QUEUE;

    private final List<OwnedFd> others = new ArrayList<>();
    private NetworkNamespace namespace;

    @BeforeEach
    void makeNamespace() throws Exception {
        namespace = NetworkNamespace.create();
    }

    @AfterEach
    void close() {
        others.forEach(OwnedFd::close);
        namespace.close();
    }

    @Test
    void takesOverItsQueuesWithoutPrivilege() throws Exception {
        List<Integer> fds = open("tap0", GOOD, 3);
        namespace.run(() -> WeakThread.callWithoutCapabilities(() -> {
            try (var tap = adopt(fds)) {
                assertThat(tap.name()).isEqualTo("tap0");
                assertThat(tap.queueCount()).isEqualTo(3);
                assertThat(tap.attachedQueues()).isEqualTo(3);
                assertThat(tap.linkInReach()).isTrue();
                assertThat(tap.link().mtu()).isEqualTo(1500);
                assertThat(tap.supportedOffloads() & TunOffload.CSUM).isNotZero();
                tap.setAttachedQueues(1);
                tap.setAttachedQueues(3);
                for (int fd : fds) {
                    assertThat(Posix.isNonBlocking(fd)).isTrue();
                    assertThat(Posix.fcntl(fd, Posix.F_GETFD, 0)).isEqualTo(Posix.FD_CLOEXEC);
                }
            }
            return null;
        }));
        namespace.run(() -> assertThat(LinkConfig.exists("tap0")).isFalse());
    }

    @Test
    @RequiresBpf
    void queuesAreNumberedInTheOrderInWhichTheyAreHandedIn() throws Exception {
        List<Integer> fds = open("tap0", GOOD, 3);
        List<Integer> order = List.of(fds.get(2), fds.get(0), fds.get(1));
        try (var harness = new TapHarness(namespace, () -> adopt(order))) {
            for (int queue = 0; queue < 3; queue++) {
                try (var program = ConstantProgram.load(queue)) {
                    harness.tap.setSteering(program.number());
                    harness.send(Frames.udp(1, 1));
                    assertThat(harness.receive(1).get(queue)).hasSize(1);
                }
            }
        }
    }

    @Test
    void interfaceOfAnotherNamespaceIsOutOfReach() throws Exception {
        List<Integer> fds = open("tap0", GOOD, 2);
        try (var elsewhere = NetworkNamespace.create()) {
            elsewhere.run(() -> {
                // Not to be mistaken for it.
                try (var namesake = TapDevice.open(TapDevice.Options.of("tap0", 1));
                        var tap = WeakThread.callWithoutCapabilities(() -> adopt(fds))) {
                    assertThat(tap.linkInReach()).isFalse();
                    assertThatThrownBy(tap::link)
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("another network namespace");
                    assertThat(tap.mac()).isNotEqualTo(namesake.mac());
                    tap.setAttachedQueues(1);
                }
            });
        }
    }

    @Test
    void descriptorsThatAreNoQueuesOfOneTapAreRefusedByNumber() throws Exception {
        List<Integer> good = open("tap0", GOOD, 2);
        int tun = open("tun0", IFF_TUN | TunIoctl.IFF_NO_PI | TunIoctl.IFF_VNET_HDR, 1)
                .getFirst();
        int bare = open("tap1", TunIoctl.IFF_TAP | TunIoctl.IFF_NO_PI, 1).getFirst();
        int withPacketInformation =
                open("tap2", TunIoctl.IFF_TAP | TunIoctl.IFF_VNET_HDR, 1).getFirst();
        List<Integer> single = open("tap3", TunIoctl.IFF_TAP | TunIoctl.IFF_NO_PI | TunIoctl.IFF_VNET_HDR, 1);
        int other = open("tap4", GOOD, 1).getFirst();
        int unnamed = own(Posix.open("/dev/net/tun", Posix.O_RDWR | Posix.O_CLOEXEC));
        int file = own(Posix.open("/dev/null", Posix.O_RDWR | Posix.O_CLOEXEC));
        int path = own(Posix.open("/dev/net/tun", O_PATH | Posix.O_CLOEXEC));
        int readOnly = own(Posix.open("/dev/net/tun", Posix.O_RDONLY | Posix.O_CLOEXEC));
        int closed = Posix.open("/dev/null", Posix.O_RDWR | Posix.O_CLOEXEC);
        Posix.close(closed);

        refused(List.of(closed), closed, "is not open");
        refused(List.of(file), file, "is not of /dev/net/tun");
        refused(List.of(unnamed), unnamed, "has no interface yet");
        refused(List.of(path), path, "not open for use");
        namespace.run(() -> attach(readOnly, "tap5", GOOD));
        refused(List.of(readOnly), readOnly, "is not open for reading and writing");
        refused(List.of(tun), tun, "TUN interface tun0");
        refused(List.of(bare), bare, "without IFF_VNET_HDR");
        refused(List.of(withPacketInformation), withPacketInformation, "without IFF_NO_PI");
        refused(List.of(single.getFirst(), good.getFirst()), single.getFirst(), "without IFF_MULTI_QUEUE");
        refused(List.of(good.getFirst(), other), other, "another TAP, tap4");
        namespace.run(() -> assertThatThrownBy(() -> adopt(List.of(good.getLast())))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("it has 2 queues, and 1 of them were handed in"));
        assertThatThrownBy(() -> adopt(List.of(other, other))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> adopt(List.of())).isInstanceOf(IllegalArgumentException.class);
        String[] unused = {""};
        NativeException.check(
                TunIoctl.TUNSETQUEUE.tryFlags(good.getLast(), unused, TunIoctl.IFF_DETACH_QUEUE), "TUNSETQUEUE", "");
        refused(good, good.getLast(), "a queue of the TAP tap0 that is detached");
        NativeException.check(
                TunIoctl.TUNSETQUEUE.tryFlags(good.getLast(), unused, TunIoctl.IFF_ATTACH_QUEUE), "TUNSETQUEUE", "");
        // What was refused is still its owner's.
        namespace.run(() -> adopt(good).close());
        namespace.run(() -> adopt(single).close());
    }

    private void refused(List<Integer> fds, int culprit, String why) {
        assertThatThrownBy(() -> adopt(fds))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("cannot take over descriptor " + culprit + " (")
                .hasMessageContaining(why);
    }

    /** Takes them over from this test, if they are good. */
    private TapDevice adopt(List<Integer> fds) throws NativeException {
        TapDevice tap = TapDevice.adopt(fds);
        others.removeIf(fd -> fds.contains(fd.number()) && fd.release() >= 0);
        return tap;
    }

    private int own(int fd) {
        others.add(OwnedFd.of(fd));
        return fd;
    }

    /** As another program opens a TAP: descriptors that block, and stay open on exec. */
    private List<Integer> open(String name, int flags, int queues) throws Exception {
        return namespace.call(() -> {
            List<Integer> fds = new ArrayList<>();
            for (int i = 0; i < queues; i++) {
                int fd = own(Posix.open("/dev/net/tun", Posix.O_RDWR));
                attach(fd, name, flags);
                fds.add(fd);
            }
            return fds;
        });
    }

    private static void attach(int fd, String name, int flags) throws NativeException {
        String[] inOut = {name};
        NativeException.check(TunIoctl.TUNSETIFF.tryFlags(fd, inOut, flags), "TUNSETIFF", "open " + name);
    }
}
