// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static dev.ringtap.it.GuestNetwork.MICROSOFT_KEY;
import static dev.ringtap.it.HostSide.GUEST4;
import static dev.ringtap.it.HostSide.GUEST6;
import static dev.ringtap.it.HostSide.HOST4;
import static dev.ringtap.it.HostSide.HOST6;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.it.GuestNetwork.Flow;
import dev.ringtap.it.GuestNetwork.Seen;
import dev.ringtap.it.uml.RequiresUml;
import dev.ringtap.it.uml.UmlGuest;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A Linux kernel's own virtio_net driver judges {@code ringtap run}: its {@code ethtool} configures the device, and what
 * its driver records of packets sent by ordinary sockets of the host must be what the fake guest's checker expects. The
 * same for each I/O engine.
 */
@RequiresTap
@RequiresBpf
@RequiresUml
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class RealGuestScenarios {
    private static final int QUEUE_PAIRS = 4;
    private static final int FLOWS_PER_PROTOCOL = 16;
    private static final int UDP_PORT = 777;
    private static final int ECHO_PORT = 778;
    private static final long TRANSFER_BYTES = 100_000_000;
    private static final long SEED = 1;
    private static final Duration TRANSFER_LIMIT = Duration.ofMinutes(3);

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    private final String engine;
    private HostSide host;
    private RingtapProcess ringtap;
    private UmlGuest guest;
    private GuestNetwork network;

    RealGuestScenarios(String engine) {
        this.engine = engine;
    }

    @BeforeAll
    void attachGuest(@TempDir Path directory) throws Exception {
        host = HostSide.create();
        Path socket = directory.resolve("guest.sock");
        ringtap = RingtapProcess.start(
                host.namespace(),
                "run",
                "--tap-name",
                HostSide.TAP,
                "--queue-pairs",
                Integer.toString(QUEUE_PAIRS),
                "--socket",
                socket.toString(),
                "--engine",
                engine);
        outputs.watch(ringtap);
        ringtap.awaitSocket(socket);
        host.configureTap();
        guest = UmlGuest.boot(List.of(socket));
        network = new GuestNetwork(guest);
        network.configure();
        guest.run("ethtool -L eth0 combined " + QUEUE_PAIRS);
        guest.run("nc -ll -p " + ECHO_PORT + " -e cat > /dev/null 2>&1 < /dev/null &");
    }

    @AfterAll
    void end() throws Exception {
        // Those that came into being; a failed start leaves the later ones out.
        if (guest != null) {
            guest.close();
        }
        if (ringtap != null) {
            ringtap.close();
        }
        if (host != null) {
            host.close();
        }
    }

    @Test
    void driverBindsWithQueuesHashAndStatus() {
        assertThat(guest.run("ethtool -i eth0")).contains("driver: virtio_net");
        assertThat(guest.run("ethtool -l eth0"))
                .containsPattern("(?s)maximums.*Combined:\\s+4.*Current.*Combined:\\s+4");
        assertThat(guest.run("cat /sys/class/net/eth0/carrier")).isEqualTo("1");
        assertThat(guest.run("ethtool -k eth0"))
                .contains("receive-hashing: o", "tx-checksumming: on", "tcp-segmentation-offload: on");
    }

    @Test
    void knownAnswersOfTheMicrosoftKey() throws Exception {
        network.configureRss(MICROSOFT_KEY, 1, 1, 1, 1);
        network.watchPackets();
        host.sendUdp(HOST4, 4001, GUEST4, UDP_PORT);
        host.sendUdp(HOST4, 4002, GUEST4, UDP_PORT);
        host.echoTcp(HOST4, 5001, GUEST4, ECHO_PORT);
        host.ping(GUEST4);
        var seen = network.awaitPackets(List.of(
                "udp4 10.9.0.1:4001 > 10.9.0.2:777",
                "udp4 10.9.0.1:4002 > 10.9.0.2:777",
                "tcp4 10.9.0.1:5001 > 10.9.0.2:778",
                "icmp4 10.9.0.1:0 > 10.9.0.2:0"));
        assertThat(seen.stream()
                        .map(packet -> "%08x %s".formatted(packet.hash(), packet.flow()))
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrder(
                        "a6c2f7fa udp4 10.9.0.1:4001 > 10.9.0.2:777",
                        "fd1306c3 udp4 10.9.0.1:4002 > 10.9.0.2:777",
                        "88932f6c tcp4 10.9.0.1:5001 > 10.9.0.2:778",
                        "bb3a7dec icmp4 10.9.0.1:0 > 10.9.0.2:0");
    }

    @Test
    void everyPacketHasTheExpectedQueueAndHash() throws Exception {
        GuestRss rss = network.configureRss(MICROSOFT_KEY, 1, 2, 3, 4);
        checkFlows(rss, 20_000);
    }

    @Test
    void packetsFollowAnotherKeyAndTable() throws Exception {
        checkFlows(network.configureRss(MICROSOFT_KEY, 4, 0, 0, 1), 22_000);
        byte[] key = MICROSOFT_KEY.clone();
        for (int i = 0; i < key.length; i++) {
            key[i] ^= (byte) (17 * i + 1);
        }
        checkFlows(network.configureRss(key, 1, 5, 1, 1), 24_000);
    }

    /** Sends packets of many flows over four protocols and compares each with its expectation. */
    private void checkFlows(GuestRss rss, int firstSourcePort) throws Exception {
        List<Flow> flows = new ArrayList<>();
        for (int port = firstSourcePort; port < firstSourcePort + FLOWS_PER_PROTOCOL; port++) {
            flows.add(new Flow("udp4", HOST4, port, GUEST4, UDP_PORT));
            flows.add(new Flow("udp6", HOST6, port, GUEST6, UDP_PORT));
            flows.add(new Flow("tcp4", HOST4, port, GUEST4, ECHO_PORT));
            flows.add(new Flow("tcp6", HOST6, port, GUEST6, ECHO_PORT));
        }
        network.watchPackets();
        Set<Seen> expected = new LinkedHashSet<>();
        for (Flow flow : flows) {
            if (flow.protocol().startsWith("tcp")) {
                host.echoTcp(flow.source(), flow.sourcePort(), flow.destination(), flow.destinationPort());
            } else {
                host.sendUdp(flow.source(), flow.sourcePort(), flow.destination(), flow.destinationPort());
            }
            expected.add(GuestNetwork.expected(flow, rss));
        }
        List<Seen> seen =
                network.awaitPackets(flows.stream().map(Flow::toString).toList());
        assertThat(new LinkedHashSet<>(seen)).containsExactlyInAnyOrderElementsOf(expected);
        // A connection has at least SYN, ACK, data, FIN: every one of them was compared.
        assertThat(seen.size()).isGreaterThanOrEqualTo(flows.size() / 2 * 5);
    }

    @ParameterizedTest
    @ValueSource(strings = {GUEST4, GUEST6})
    void hostPingsGuest(String address) throws Exception {
        assertThat(host.ping(address)).contains("3 received");
    }

    @ParameterizedTest
    @ValueSource(strings = {HOST4, HOST6})
    void guestPingsHost(String address) {
        assertThat(guest.run("ping -c 3 -W 10 " + address)).contains("3 packets received");
    }

    @ParameterizedTest
    @ValueSource(strings = {GUEST4, GUEST6})
    void hundredMegabytesReachTheGuestUnchanged(String address) throws Exception {
        // The file of an earlier transfer says "listening", too, until the shell in the background has opened it.
        guest.run("rm -f /tmp/received");
        guest.run("tcpstream receive 5001 %d %d > /tmp/received 2>&1 & receiver=$!".formatted(SEED, TRANSFER_BYTES));
        guest.run("until grep -q LISTENING /tmp/received; do sleep 0.1; done");
        host.sendStream(address, 5001, SEED, TRANSFER_BYTES);
        var received = guest.tryRun("wait $receiver; cat /tmp/received");
        assertThat(received.output()).contains(TRANSFER_BYTES + " bytes as sent");
    }

    @ParameterizedTest
    @ValueSource(strings = {HOST4, HOST6})
    void hundredMegabytesReachTheHostUnchanged(String address) throws Exception {
        try (var listener = host.listen(5002);
                var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            var received = executor.submit(() -> HostSide.receiveStream(listener, SEED));
            guest.run("tcpstream send %s 5002 %d %d".formatted(address, SEED, TRANSFER_BYTES), TRANSFER_LIMIT);
            assertThat(received.get()).isEqualTo(TRANSFER_BYTES);
        }
    }
}
