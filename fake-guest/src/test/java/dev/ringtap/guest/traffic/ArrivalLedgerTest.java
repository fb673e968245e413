// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.ArrivalLedger.Arrival;
import dev.ringtap.guest.traffic.ArrivalLedger.What;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ArrivalLedgerTest {
    private static final Topology TOPOLOGY = Topology.of(new byte[] {2, 0, 0, 0, 0, 1}, new byte[] {2, 0, 0, 0, 0, 2});
    private static final FlowPlan PLAN = FlowPlan.create(TOPOLOGY, 300, 5, 77);

    private final TcpResponder tcp = new TcpResponder(PLAN.flows(), TOPOLOGY, f -> 0);
    private final ArrivalLedger ledger = new ArrivalLedger(PLAN, tcp, 1500);
    private final List<TransmitPacket> answers = new ArrayList<>();

    @Test
    void rawFrameIsStruckOutOnceAndKeepsItsMark() {
        Flow flow = flow(FlowKind.QINQ_UDP4);
        byte[] frame = ledger.frame(flow, 3, 99);
        assertThat(ledger.outstanding()).isOne();
        assertThat(arrive(frame)).isEqualTo(new Arrival(What.EXPECTED, flow, 3, 99, null));
        assertThat(ledger.outstanding()).isZero();
        assertThat(arrive(frame).what()).as("a second time").isEqualTo(What.WRONG);
    }

    @Test
    void alteredFrameIsWrongAndStaysMissing() {
        Flow flow = flow(FlowKind.HOME_UDP6);
        byte[] frame = ledger.frame(flow, 0, 1).clone();
        frame[20] ^= 1;
        assertThat(arrive(frame).what()).isEqualTo(What.WRONG);
        assertThat(ledger.missing()).containsExactly(new ArrivalLedger.Outstanding(flow, 0, 1));
    }

    @Test
    void datagramNeedsAllItsFragmentsInAnyOrder() {
        Flow flow = flow(FlowKind.FRAGMENTED4);
        byte[] datagram = datagram(flow, ledger.datagram(flow, 0, 5));
        int cut = 1480;
        byte[] first = ip4(flow, 0x2000, Arrays.copyOf(datagram, cut));
        List<byte[]> rest = new ArrayList<>();
        for (int at = cut; at < datagram.length; at += cut) {
            int end = Math.min(datagram.length, at + cut);
            rest.add(ip4(flow, (end < datagram.length ? 0x2000 : 0) | at / 8, Arrays.copyOfRange(datagram, at, end)));
        }
        for (byte[] fragment : rest) {
            assertThat(arrive(fragment)).isEqualTo(new Arrival(What.EXPECTED, flow, 0, 5, null));
            assertThat(ledger.outstanding()).isOne();
        }
        assertThat(arrive(rest.getFirst()).problem()).contains("arrived twice");
        assertThat(arrive(first).what()).isEqualTo(What.EXPECTED);
        assertThat(ledger.outstanding()).isZero();
    }

    @Test
    void datagramWithAWrongChecksumOrByteIsWrong() {
        Flow flow = flow(FlowKind.UDP4);
        byte[] frame = ip4(flow, 0, datagram(flow, ledger.datagram(flow, 0, 5)));
        byte[] changed = frame.clone();
        changed[changed.length - 1] ^= 1;
        assertThat(arrive(changed).problem()).isEqualTo("wrong transport checksum");
        byte[] port = frame.clone();
        port[14 + 20] ^= 1;
        assertThat(arrive(port).problem()).contains("addresses, ports or protocol");
        assertThat(arrive(frame).what()).isEqualTo(What.EXPECTED);
    }

    @Test
    void partialChecksumMustBeThePseudoHeadersSum() {
        Flow flow = flow(FlowKind.UDP4);
        byte[] payload = ledger.datagram(flow, 0, 5);
        byte[] good = ip4(
                flow,
                0,
                Frames.udpPartial(
                        flow.sourceBytes(),
                        flow.destinationBytes(),
                        flow.sourcePort(),
                        flow.destinationPort(),
                        payload));
        ReceivedPacket wrongStart = new ReceivedPacket(0, good, 1, 0, 0, 0, 30, 6, 1, 0, 0, 0);
        assertThat(ledger.arrived(wrongStart, answers).problem()).contains("checksum asked for at 30+6");
        ReceivedPacket finished = new ReceivedPacket(0, good, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
        assertThat(ledger.arrived(finished, answers).problem()).contains("wrong transport checksum");
        ReceivedPacket right = new ReceivedPacket(0, good, 1, 0, 0, 0, 34, 6, 1, 0, 0, 0);
        assertThat(ledger.arrived(right, answers).what()).isEqualTo(What.EXPECTED);
    }

    @Test
    void framesOfOthersAreUnasked() {
        byte[] solicitation = new byte[86];
        assertThat(arrive(solicitation).what()).isEqualTo(What.UNASKED);
    }

    @Test
    void connectionOpensCarriesDataOutOfOrderAndCloses() {
        Flow flow = flow(FlowKind.TCP4);
        int initial = 0xFFFF_FF00;
        assertThat(arrive(segment(flow, initial, 0, Frames.TCP_SYN, new byte[0]))
                        .what())
                .isEqualTo(What.CONTROL);
        IpPacket synAck = IpPacket.parse(answers.removeFirst().frame());
        assertThat(synAck.destination()).isEqualTo(flow.sourceBytes());

        byte[] one = ledger.stream(flow, 0, 1000, 11);
        byte[] two = ledger.stream(flow, 1, 500, 12);
        Arrival ahead = arrive(segment(flow, initial + 1 + 1000, 1, Frames.TCP_ACK, two));
        assertThat(ahead).isEqualTo(new Arrival(What.EXPECTED, flow, 1, 12, null));
        assertThat(acknowledged()).isEqualTo(initial + 1);
        assertThat(arrive(segment(flow, initial + 1, 1, Frames.TCP_ACK, one)))
                .isEqualTo(new Arrival(What.EXPECTED, flow, 0, 11, null));
        assertThat(acknowledged()).isEqualTo(initial + 1 + 1500);
        assertThat(ledger.outstanding()).isZero();

        assertThat(arrive(segment(flow, initial + 1, 1, Frames.TCP_ACK, one)).what())
                .as("a retransmission")
                .isEqualTo(What.CONTROL);
        assertThat(acknowledged()).isEqualTo(initial + 1 + 1500);

        byte[] fin = segment(flow, initial + 1 + 1500, 1, Frames.TCP_FIN | Frames.TCP_ACK, new byte[0]);
        assertThat(arrive(fin).what()).isEqualTo(What.CONTROL);
        assertThat(acknowledged()).isEqualTo(initial + 1 + 1501);
        assertThat(tcp.closed(flow)).isTrue();
    }

    @Test
    void streamByteThatIsNotAsSentIsNamed() {
        Flow flow = flow(FlowKind.TCP6);
        arrive(segment(flow, 1000, 0, Frames.TCP_SYN, new byte[0]));
        byte[] data = ledger.stream(flow, 0, 100, 1);
        data[37] ^= 4;
        assertThat(arrive(segment(flow, 1001, 1, Frames.TCP_ACK, data)).problem())
                .isEqualTo("byte 37 of the stream is not as sent");
    }

    @Test
    void largeReturnDataIsLeftToTheDeviceToCut() {
        Flow flow = flow(FlowKind.TCP6);
        arrive(segment(flow, 1000, 0, Frames.TCP_SYN, new byte[0]));
        TransmitPacket large = tcp.send(flow, 20_000);
        assertThat(large.gsoType()).isEqualTo(TransmitPacket.GSO_TCPV6);
        assertThat(large.hdrLen()).isEqualTo(14 + 40 + 20);
        assertThat(large.csumStart()).isEqualTo(14 + 40);
        assertThat(tcp.unacknowledged(flow)).isEqualTo(20_000);
    }

    private int acknowledged() {
        byte[] frame = answers.removeFirst().frame();
        return IpPacket.i32(frame, IpPacket.parse(frame).transportAt() + 8);
    }

    private Arrival arrive(byte[] frame) {
        return ledger.arrived(new ReceivedPacket(0, frame, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), answers);
    }

    private static byte[] datagram(Flow flow, byte[] payload) {
        return Frames.udp(
                flow.sourceBytes(), flow.destinationBytes(), flow.sourcePort(), flow.destinationPort(), payload);
    }

    private static byte[] ip4(Flow flow, int flagsAndOffset, byte[] data) {
        byte[] packet = Frames.ipv4(
                flow.sourceBytes(), flow.destinationBytes(), Frames.PROTOCOL_UDP, 1, flagsAndOffset, new byte[0], data);
        return Frames.ethernet(new byte[6], new byte[6], Frames.ETHERTYPE_IPV4, packet);
    }

    private static byte[] segment(Flow flow, int sequence, int acknowledgment, int flags, byte[] data) {
        byte[] segment = Frames.tcp(
                flow.sourceBytes(),
                flow.destinationBytes(),
                flow.sourcePort(),
                flow.destinationPort(),
                sequence,
                acknowledgment,
                flags,
                new byte[0],
                data,
                false);
        return flow.overIpv6()
                ? Frames.ethernet(
                        new byte[6],
                        new byte[6],
                        Frames.ETHERTYPE_IPV6,
                        Frames.ipv6(flow.sourceBytes(), flow.destinationBytes(), 6, segment))
                : Frames.ethernet(
                        new byte[6],
                        new byte[6],
                        Frames.ETHERTYPE_IPV4,
                        Frames.ipv4(flow.sourceBytes(), flow.destinationBytes(), 6, segment));
    }

    private static Flow flow(FlowKind kind) {
        return PLAN.flows().stream().filter(f -> f.kind() == kind).findFirst().orElseThrow();
    }
}
