// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.WeakThread;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@RequiresTap
class LinkConfigTest {
    private static final byte[] NEIGHBOUR = {2, 0, 0, 0, 0, 9};
    private static final byte[] GATEWAY = {2, 0, 0, 0, 0, 8};
    private static final int HEADER_BYTES = TapDevice.HEADER_BYTES;

    private NetworkNamespace namespace;
    private TapDevice tap;
    private LinkConfig link;

    @BeforeEach
    void open() throws Exception {
        namespace = NetworkNamespace.create();
        tap = namespace.call(() -> TapDevice.open(TapDevice.Options.of("tap0", 1)));
        link = tap.link();
    }

    @AfterEach
    void close() {
        tap.close();
        namespace.close();
    }

    @Test
    void goesUpAndDown() throws Exception {
        assertThat(link.info().up()).isFalse();
        assertThat(link.running()).isFalse();
        link.setUp(true);
        assertThat(link.info().up()).isTrue();
        assertThat(link.running()).isTrue();
        link.setUp(false);
        assertThat(link.info().up()).isFalse();
    }

    @Test
    void setsMtuAddressAndQueueLength() throws Exception {
        link.setMtu(9000);
        link.setMac(new byte[] {2, 1, 2, 3, 4, 5});
        link.setTxQueueLength(77);
        assertThat(link.mtu()).isEqualTo(9000);
        assertThat(link.mac()).containsExactly(2, 1, 2, 3, 4, 5);
        assertThat(link.info().txQueueLength()).isEqualTo(77);
        assertThatThrownBy(() -> link.setMac(new byte[7])).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void addsTheKernelsOwnWordsToARefusal() {
        assertThatThrownBy(() -> link.setMtu(10_000_000))
                .isInstanceOfSatisfying(
                        NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                .hasMessage("cannot give the interface tap0 an MTU of 10000000 (mtu greater than device maximum):"
                        + " rtnetlink RTM_NEWLINK: Invalid argument (EINVAL)");
    }

    @Test
    void isUsableFromAThreadOutside() throws Exception {
        assertThat(LinkConfig.exists("tap0")).isFalse();
        assertThat(namespace.call(() -> LinkConfig.exists("tap0"))).isTrue();
        assertThat(link.info().name()).isEqualTo("tap0");
    }

    @Test
    void saysWhenThereIsNoSuchInterface() throws Exception {
        assertThatThrownBy(() -> LinkConfig.open("nosuch0"))
                .isInstanceOf(NativeException.class)
                .hasMessage("cannot find the interface nosuch0: rtnetlink RTM_GETLINK: No such device (ENODEV)");
        assertThat(LinkConfig.exists("a-name-that-is-far-too-long")).isFalse();
        assertThat(LinkConfig.exists("")).isFalse();
        tap.queue(0).fd().close();
        assertThatThrownBy(link::info)
                .isInstanceOfSatisfying(
                        NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENODEV));
    }

    @Test
    void readsButDoesNotChangeWithoutPrivilege() throws Exception {
        namespace.run(() -> WeakThread.callWithoutCapabilities(() -> {
            try (var weak = LinkConfig.open("tap0")) {
                assertThat(weak.mtu()).isEqualTo(1500);
                assertThatThrownBy(() -> weak.setUp(true))
                        .isInstanceOfSatisfying(
                                NativeException.class,
                                e -> assertThat(e.errno()).isEqualTo(Errno.EPERM))
                        .hasMessageStartingWith("cannot set the interface tap0 up");
            }
            return null;
        }));
    }

    @Test
    void hostTrafficOverIpv4GoesStraightToTheNeighbour() throws Exception {
        reaches("10.1.0.1", "10.1.0.2", 24, "192.0.2.7", 0x0800);
    }

    @Test
    void hostTrafficOverIpv6GoesStraightToTheNeighbour() throws Exception {
        reaches("fd00::1", "fd00::2", 64, "2001:db8::7", 0x86DD);
    }

    // The first frame out is the datagram: no question for an address comes before it.
    private void reaches(String own, String neighbour, int prefixLength, String far, int etherType) throws Exception {
        var ownAddress = InetAddress.getByName(own);
        var neighbourAddress = InetAddress.getByName(neighbour);
        var gateway = InetAddress.getByName(neighbour + "0");
        var farAddress = InetAddress.getByName(far);
        namespace.run(() -> {
            link.disableIpv6AutoConf();
            link.setUp(true);
            link.addAddress(ownAddress, prefixLength);
            link.addAddress(ownAddress, prefixLength);
            link.addNeighbour(neighbourAddress, NEIGHBOUR);
            link.addNeighbour(gateway, GATEWAY);
            link.addRoute(farAddress, farAddress.getAddress().length * 8, gateway);
            try (var channel = DatagramChannel.open()) {
                channel.bind(new InetSocketAddress(ownAddress, 0));
                channel.send(ByteBuffer.wrap(new byte[] {1}), new InetSocketAddress(neighbourAddress, 9));
                channel.send(ByteBuffer.wrap(new byte[] {2}), new InetSocketAddress(farAddress, 9));
            }
        });
        assertThat(destinationOfNextUdp(etherType)).isEqualTo(NEIGHBOUR);
        assertThat(destinationOfNextUdp(etherType)).isEqualTo(GATEWAY);
    }

    private byte[] destinationOfNextUdp(int etherType) throws NativeException {
        int protocolAt = HEADER_BYTES + 14 + (etherType == 0x0800 ? 9 : 6);
        while (true) {
            byte[] frame = nextFrame();
            int type = Short.toUnsignedInt(ByteBuffer.wrap(frame).getShort(HEADER_BYTES + 12));
            // An IPv6 address joins its multicast group, and says so.
            boolean multicastReport = type == 0x86DD && frame[HEADER_BYTES + 14 + 6] == 0;
            if (multicastReport) continue;
            assertThat(type).isEqualTo(etherType);
            assertThat(frame[protocolAt]).isEqualTo((byte) 17);
            return Arrays.copyOfRange(frame, HEADER_BYTES, HEADER_BYTES + 6);
        }
    }

    private byte[] nextFrame() throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var room = arena.allocate(2048);
            long deadline = System.nanoTime() + 5_000_000_000L;
            while (System.nanoTime() < deadline) {
                long bytes = Posix.read(tap.queue(0).fd().number(), room.address(), room.byteSize());
                if (bytes >= 0) return room.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
                if (bytes != -Errno.EAGAIN) throw new NativeException("read", (int) -bytes, "cannot read a frame");
                LockSupport.parkNanos(100_000);
            }
            throw new AssertionError("no frame came");
        }
    }

    @Test
    void refusesWhatTheKernelRefuses() throws Exception {
        var address = InetAddress.getByName("10.1.0.1");
        assertThatThrownBy(() -> link.addAddress(address, 33))
                .isInstanceOf(NativeException.class)
                .hasMessageStartingWith("cannot add the address 10.1.0.1/33 to the interface tap0");
        assertThatThrownBy(() -> link.addRoute(address, 32, InetAddress.getByName("10.9.9.9")))
                .isInstanceOf(NativeException.class)
                .hasMessageStartingWith("cannot add the route to 10.1.0.1/32 through the interface tap0");
    }

    @Test
    void withoutAutoConfigurationThereIsNoLinkLocalAddress() throws Exception {
        namespace.run(() -> {
            link.disableIpv6AutoConf();
            link.setUp(true);
            assertThat(ipv6Addresses()).isEmpty();
            assertThat(setting("accept_ra")).isEqualTo("0");
            assertThat(setting("router_solicitations")).isEqualTo("0");
            assertThat(setting("addr_gen_mode")).isEqualTo("1");
            link.addAddress(InetAddress.getByName("fd00::1"), 64);
            assertThat(ipv6Addresses()).startsWith("fd000000");
        });
    }

    @Test
    void withoutIpv6ThereIsNoAddressAtAll() throws Exception {
        namespace.run(() -> {
            link.disableIpv6();
            link.setUp(true);
            assertThat(ipv6Addresses()).isEmpty();
            assertThat(setting("disable_ipv6")).isEqualTo("1");
            assertThatThrownBy(() -> link.addAddress(InetAddress.getByName("fd00::1"), 64))
                    .isInstanceOf(NativeException.class);
        });
    }

    @Test
    void refusesToChangeAnInterfaceOfTheSameNameElsewhere() throws Exception {
        try (var other = NetworkNamespace.create();
                var same = other.call(() -> TapDevice.open(TapDevice.Options.of("tap0", 1)))) {
            assertThatThrownBy(() -> other.run(link::disableIpv6)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(link::disableIpv6AutoConf).isInstanceOf(IllegalStateException.class);
            namespace.run(link::disableIpv6);
            assertThat(other.call(() -> setting("disable_ipv6"))).isEqualTo("0");
            assertThat(same.name()).isEqualTo("tap0");
        }
    }

    private static String ipv6Addresses() throws Exception {
        return Files.readString(Path.of("/proc/thread-self/net/if_inet6"));
    }

    private static String setting(String name) throws Exception {
        return Files.readString(Path.of("/proc/sys/net/ipv6/conf/tap0", name)).strip();
    }
}
