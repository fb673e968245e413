// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.it.uml.UmlGuest;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** eth0 of a real guest: set up by the guest's own tools, and what its driver says about received packets. */
final class GuestNetwork {
    /** The key of Microsoft's verification suite, that of the known answers too. */
    static final byte[] MICROSOFT_KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    /** Linux enables these six and never those of packets with a home address. */
    private static final int LINUX_HASH_TYPES =
            HashTypes.IPV4 | HashTypes.TCPV4 | HashTypes.UDPV4 | HashTypes.IPV6 | HashTypes.TCPV6 | HashTypes.UDPV6;

    private static final Pattern PACKET =
            Pattern.compile("PKT rxq=(-?\\d+) hash=([0-9a-f]{8}) len=\\d+ (\\S+ \\S+ > \\S+)");

    private static final int ARRIVAL_LIMIT_MS = 20_000;

    private final UmlGuest guest;

    /** What the driver recorded about one packet. */
    record Seen(int queue, int hash, String flow) {
        @Override
        public String toString() {
            return "queue %d hash %08x %s".formatted(queue, hash, flow);
        }
    }

    /** The two ends of a flow and its protocol, as {@code rxhash} prints it. */
    record Flow(String protocol, String source, int sourcePort, String destination, int destinationPort) {
        @Override
        public String toString() {
            return "%s %s:%d > %s:%d".formatted(protocol, source, sourcePort, destination, destinationPort);
        }
    }

    GuestNetwork(UmlGuest guest) {
        this.guest = guest;
    }

    /** Gives eth0 the guest's addresses and sets it up. */
    void configure() {
        guest.run("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad");
        guest.run("ip addr add " + HostSide.GUEST4 + "/24 dev eth0 && ip addr add " + HostSide.GUEST6
                + "/64 dev eth0 && ip link set eth0 up");
    }

    /**
     * Turns receive-side scaling on with a key and a table in which queue {@code i} has a share of {@code weights[i]}.
     *
     * @return the configuration that {@code ethtool -x} then shows
     */
    GuestRss configureRss(byte[] key, int... weights) {
        String colons = HexFormat.ofDelimiter(":").formatHex(key);
        String shares = String.join(
                " ", Arrays.stream(weights).mapToObj(Integer::toString).toList());
        guest.run("ethtool -K eth0 rxhash on");
        guest.run("ethtool -X eth0 hkey " + colons + " weight " + shares);
        String shown = guest.run("ethtool -x eth0");
        assertThat(shown.toLowerCase(Locale.ROOT)).contains("rss hash key:\n" + colons, "toeplitz: on");
        List<Integer> table = new ArrayList<>();
        for (Matcher row = Pattern.compile("(?m)^ +\\d+: +(\\d[\\d ]*)$").matcher(shown); row.find(); ) {
            for (String queue : row.group(1).strip().split(" +")) {
                table.add(Integer.parseInt(queue));
            }
        }
        // virtio_net keeps the unclassified queue at 0.
        return new GuestRss(
                LINUX_HASH_TYPES, table.stream().mapToInt(Integer::intValue).toArray(), 0, key);
    }

    /** Starts to record packets anew. */
    void watchPackets() {
        // A new file: a recorder still on its way out writes into the old one.
        guest.run("rm -f /tmp/packets; : > /tmp/packets; rxhash eth0 > /tmp/packets 2>&1 < /dev/null &");
        guest.run("until grep -qE 'READY|rxhash:' /tmp/packets; do sleep 0.1; done");
        guest.run("grep -q READY /tmp/packets || { cat /tmp/packets; false; }");
    }

    /** Waits until a packet of each flow was seen and ends the recording; all packets of these flows. */
    List<Seen> awaitPackets(Collection<String> flows) throws InterruptedException {
        for (int waitedMs = 0; ; waitedMs += 100) {
            String recorded = guest.run("cat /tmp/packets");
            List<Seen> seen = PACKET.matcher(recorded)
                    .results()
                    .map(packet -> new Seen(
                            Integer.parseInt(packet.group(1)),
                            Integer.parseUnsignedInt(packet.group(2), 16),
                            packet.group(3)))
                    .filter(packet -> flows.contains(packet.flow()))
                    .toList();
            List<String> missing = flows.stream()
                    .filter(Predicate.not(flow ->
                            seen.stream().anyMatch(packet -> packet.flow().equals(flow))))
                    .toList();
            if (missing.isEmpty()) {
                guest.run("killall rxhash");
                return seen;
            }
            assertThat(waitedMs)
                    .as("waiting for %s; recorded:%n%s%n%s", missing, recorded, guest.run("ethtool -S eth0"))
                    .isLessThan(ARRIVAL_LIMIT_MS);
            Thread.sleep(100);
        }
    }

    /** What every packet of a flow must look like. */
    static Seen expected(Flow flow, GuestRss rss) throws UnknownHostException {
        byte[] source = InetAddress.getByName(flow.source()).getAddress();
        byte[] destination = InetAddress.getByName(flow.destination()).getAddress();
        boolean tcp = flow.protocol().startsWith("tcp");
        byte[] segment = tcp
                ? Frames.tcp(
                        source,
                        destination,
                        flow.sourcePort(),
                        flow.destinationPort(),
                        1,
                        0,
                        Frames.TCP_SYN,
                        new byte[0],
                        new byte[0],
                        false)
                : Frames.udp(source, destination, flow.sourcePort(), flow.destinationPort(), new byte[0]);
        int protocol = tcp ? Frames.PROTOCOL_TCP : Frames.PROTOCOL_UDP;
        byte[] mac = new byte[6];
        byte[] frame = source.length == 4
                ? Frames.ethernet(mac, mac, Frames.ETHERTYPE_IPV4, Frames.ipv4(source, destination, protocol, segment))
                : Frames.ethernet(mac, mac, Frames.ETHERTYPE_IPV6, Frames.ipv6(source, destination, protocol, segment));
        var answer = Expectation.of(frame, rss);
        return new Seen(answer.queue(), answer.hashValue(), flow.toString());
    }
}
