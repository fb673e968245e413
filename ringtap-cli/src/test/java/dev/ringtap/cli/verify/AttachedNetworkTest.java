// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.tun.TapDevice;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Somebody else's interface is as it was before, whatever went wrong in between. */
@RequiresRoot
@RequiresTap
class AttachedNetworkTest {
    private static final String TAP = "somebodys0";
    private static final byte[] GUEST_MAC = {2, 0, 0, 0, 0, 2};
    private static final int QUEUE_LENGTH = 77;

    /** Less than the 1280 bytes of RFC 8200, 5 Packet Size Issues: the kernel has no IPv6 there. */
    private static final int TOO_SMALL_FOR_IPV6 = 1_000;

    private NetworkNamespace namespace;
    private TapDevice tap;

    @BeforeEach
    void makeTap() throws Exception {
        namespace = NetworkNamespace.create();
        namespace.run(() -> {
            tap = TapDevice.open(TapDevice.Options.of(TAP, 1));
            tap.link().disableIpv6();
            tap.link().setTxQueueLength(QUEUE_LENGTH);
            tap.link().setUp(true);
        });
    }

    @AfterEach
    void close() {
        tap.close();
        namespace.close();
    }

    @Test
    void everythingIsPutBack() throws Exception {
        AttachedNetwork network = attach();
        assertThat(addresses()).anyMatch(address -> address.contains(".")).anyMatch(address -> address.endsWith(TAP));
        assertThat(ipv6()).isTrue();
        network.close();
        assertAsBefore();
    }

    @Test
    void whatSomebodyElseHasTakenAwayDoesNotKeepTheRest() throws Exception {
        AttachedNetwork network = attach();
        Topology topology = network.topology();
        LinkConfig link = tap.link();
        link.removeNeighbour(InetAddress.getByAddress(topology.guest4().getFirst()));
        link.removeAddress(InetAddress.getByAddress(topology.host6().getFirst()), Topology.PREFIX6);
        network.close();
        assertAsBefore();
    }

    @Test
    void whatWasAddedBeforeAFailureIsTakenBack() throws Exception {
        tap.link().setMtu(TOO_SMALL_FOR_IPV6);
        assertThatThrownBy(this::attach).hasMessageContaining("cannot add the address");
        assertThat(addresses()).isEmpty();
        assertThat(tap.link().info().txQueueLength()).isEqualTo(QUEUE_LENGTH);
    }

    /** The bed is closed by a shutdown hook while the load is still at work. */
    @Test
    void whoeverShortenedItsQueuesDoesNotRestoreThemAfterwards() throws Exception {
        AttachedNetwork network = attach();
        network.shortenQueues(5);
        network.close();
        network.restoreQueues();
        assertAsBefore();
    }

    private AttachedNetwork attach() throws Exception {
        Path file = Path.of("/proc/self/fd/" + namespace.fd().number());
        return AttachedNetwork.at(file, TAP, GUEST_MAC);
    }

    private void assertAsBefore() throws Exception {
        assertThat(addresses()).isEmpty();
        assertThat(ipv6()).isFalse();
        assertThat(tap.link().info().txQueueLength()).isEqualTo(QUEUE_LENGTH);
    }

    /** Of both families; Java asks for those of IPv6 in the namespace of the process. */
    private List<String> addresses() throws Exception {
        return namespace.call(() -> {
            List<String> addresses = new ArrayList<>(Files.readAllLines(Path.of("/proc/thread-self/net/if_inet6")));
            addresses.removeIf(line -> !line.endsWith(TAP));
            NetworkInterface withIpv4 = NetworkInterface.getByName(TAP);
            if (withIpv4 != null) {
                withIpv4.inetAddresses().map(InetAddress::getHostAddress).forEach(addresses::add);
            }
            return addresses;
        });
    }

    private boolean ipv6() throws Exception {
        return namespace.call(() -> {
            boolean on = tap.link().switchIpv6(false);
            tap.link().switchIpv6(on);
            return on;
        });
    }
}
