// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.PayloadPattern.Block;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What was sent and has not arrived yet, and which of it an arriving frame is.
 *
 * <p>A packet is entered before it is sent and leaves when all of it has arrived, with every byte right. Not
 * thread-safe.
 */
public final class ArrivalLedger {
    /** What an arriving frame is. */
    public enum What {
        /** A packet, or a part of one, that was waited for. */
        EXPECTED,
        /** A segment without new data of a connection that we know. */
        CONTROL,
        /** Nothing of ours: what a kernel says on any link. */
        UNASKED,
        /** Of ours by its marks, and not as it was sent, or once too often. */
        WRONG
    }

    /**
     * An arriving frame, recognised.
     *
     * @param flow null if unasked
     * @param sequence number of the packet in its flow, the first one for a segment with bytes of several; -1 without
     * @param mark of that packet, -1 without
     * @param problem null unless {@link What#WRONG}
     */
    public record Arrival(What what, Flow flow, int sequence, long mark, String problem) {}

    /**
     * A packet under way.
     *
     * @param mark the sender's, given back on arrival
     */
    public record Outstanding(Flow flow, int sequence, long mark) {}

    private static final class Sent {
        private final Outstanding packet;
        private final int streamFrom;
        private final int bytes;
        private final BitSet arrived = new BitSet();

        Sent(Outstanding packet, int streamFrom, int bytes) {
            this.packet = packet;
            this.streamFrom = streamFrom;
            this.bytes = bytes;
        }

        boolean complete() {
            return arrived.cardinality() == bytes;
        }
    }

    private static final int UDP_HEADER = 8;

    private final PayloadPattern pattern;
    private final List<Flow> flows;
    private final TcpResponder tcp;
    private final int mtu;
    private final Map<ByteBuffer, Outstanding> frames = new LinkedHashMap<>();
    private final Map<Long, Sent> datagrams = new LinkedHashMap<>();
    private final Map<Flow, List<Sent>> streams = new LinkedHashMap<>();
    private final Map<Flow, Integer> streamEnds = new HashMap<>();
    private int outstanding;

    public ArrivalLedger(FlowPlan plan, TcpResponder tcp, int mtu) {
        this.pattern = plan.pattern();
        this.flows = plan.flows();
        this.tcp = tcp;
        this.mtu = mtu;
    }

    /** Enters a frame sent as it is, and returns it. */
    public byte[] frame(Flow flow, int sequence, long mark) {
        byte[] frame = flow.frame(sequence);
        if (frames.put(ByteBuffer.wrap(frame), new Outstanding(flow, sequence, mark)) != null) {
            throw new IllegalStateException(flow + " makes packet " + sequence + " twice");
        }
        outstanding++;
        return frame;
    }

    /** Enters a datagram or an echo, and returns its payload. */
    public byte[] datagram(Flow flow, int sequence, long mark) {
        byte[] payload = flow.payload(sequence);
        Outstanding packet = new Outstanding(flow, sequence, mark);
        datagrams.put(key(flow.id(), sequence), new Sent(packet, 0, UDP_HEADER + payload.length));
        outstanding++;
        return payload;
    }

    /** Enters the next bytes of a TCP flow, and returns them. */
    public byte[] stream(Flow flow, int sequence, int bytes, long mark) {
        int from = streamEnds.merge(flow, bytes, Integer::sum) - bytes;
        streams.computeIfAbsent(flow, f -> new ArrayList<>())
                .add(new Sent(new Outstanding(flow, sequence, mark), from, bytes));
        outstanding++;
        return flow.stream(from, bytes);
    }

    /** Packets under way. */
    public int outstanding() {
        return outstanding;
    }

    /** Packets under way that are none of a connection: those cannot come again. */
    public List<Outstanding> missing() {
        List<Outstanding> missing = new ArrayList<>(frames.values());
        datagrams.values().forEach(sent -> missing.add(sent.packet));
        streams.values().forEach(list -> list.forEach(sent -> missing.add(sent.packet)));
        return missing;
    }

    /** Gives up everything under way. */
    public void forgetMissing() {
        frames.clear();
        datagrams.clear();
        streams.clear();
        outstanding = 0;
    }

    /**
     * Recognises a frame and strikes it out.
     *
     * @param answers gets what the guest's TCP says to it
     */
    public Arrival arrived(ReceivedPacket received, List<TransmitPacket> answers) {
        byte[] frame = received.frame();
        Outstanding raw = frames.remove(ByteBuffer.wrap(frame));
        if (raw != null) {
            outstanding--;
            return expected(raw);
        }
        IpPacket ip = IpPacket.parse(frame);
        Block block = pattern.find(frame, 0);
        if (ip != null) {
            TcpResponder.Segment segment = tcp.find(frame, ip);
            if (segment != null) {
                return segment(received, ip, segment, answers);
            }
        }
        if (block == null) {
            return new Arrival(What.UNASKED, null, -1, -1, null);
        }
        if (block.flow() < 0 || block.flow() >= flows.size()) {
            return new Arrival(What.WRONG, null, -1, -1, "carries a flow number there is not: " + block.flow());
        }
        return datagramPart(received, ip, block);
    }

    private Arrival segment(
            ReceivedPacket received, IpPacket ip, TcpResponder.Segment segment, List<TransmitPacket> answers) {
        byte[] frame = received.frame();
        Flow flow = segment.flow();
        tcp.receive(frame, ip, segment, answers);
        String problem = OffloadCheck.problem(received, ip, mtu);
        if (problem != null) {
            return new Arrival(What.WRONG, flow, -1, -1, problem);
        }
        if (segment.dataBytes() == 0) {
            return new Arrival(What.CONTROL, flow, -1, -1, null);
        }
        int from = segment.streamOffset();
        int to = from + segment.dataBytes();
        if (from < 0 || to > streamEnds.getOrDefault(flow, 0)) {
            return new Arrival(What.WRONG, flow, -1, -1, "bytes " + from + " to " + to + " were never sent");
        }
        byte[] due = flow.stream(from, to - from);
        for (int i = 0; i < due.length; i++) {
            if (frame[segment.dataAt() + i] != due[i]) {
                return new Arrival(What.WRONG, flow, -1, -1, "byte " + (from + i) + " of the stream is not as sent");
            }
        }
        return strikeStream(flow, from, to);
    }

    private Arrival strikeStream(Flow flow, int from, int to) {
        List<Sent> list = streams.getOrDefault(flow, List.of());
        Outstanding first = null;
        List<Sent> done = new ArrayList<>();
        for (Sent sent : list) {
            int start = Math.max(from, sent.streamFrom);
            int end = Math.min(to, sent.streamFrom + sent.bytes);
            if (start < end) {
                first = first == null ? sent.packet : first;
                sent.arrived.set(start - sent.streamFrom, end - sent.streamFrom);
                if (sent.complete()) {
                    done.add(sent);
                }
            }
        }
        strikeAll(flow, list, done);
        // A retransmission of what has arrived: right, and nothing that anybody waits for.
        return first == null ? new Arrival(What.CONTROL, flow, -1, -1, null) : expected(first);
    }

    private void strikeAll(Flow flow, List<Sent> list, Collection<Sent> done) {
        if (!done.isEmpty()) {
            list.removeAll(done);
            outstanding -= done.size();
            if (list.isEmpty()) {
                streams.remove(flow);
            }
        }
    }

    private Arrival datagramPart(ReceivedPacket received, IpPacket ip, Block block) {
        byte[] frame = received.frame();
        Flow flow = flows.get(block.flow());
        int sequence = block.sequence();
        Sent sent = datagrams.get(key(flow.id(), sequence));
        if (sent == null) {
            return wrong(flow, sequence, -1, "arrived once more, or is not as it was sent");
        }
        long mark = sent.packet.mark();
        if (ip == null) {
            return wrong(flow, sequence, mark, "is not the IP packet that was sent");
        }
        String problem = headerProblem(frame, ip, flow);
        if (problem == null) {
            problem = OffloadCheck.problem(received, ip, mtu);
        }
        int from = ip.fragmentOffset();
        int to = from + ip.transportBytes();
        if (problem == null && (to > sent.bytes || ip.moreFragments() == (to == sent.bytes))) {
            problem = "bytes " + from + " to " + to + " of a datagram of " + sent.bytes;
        }
        if (problem != null) {
            return wrong(flow, sequence, mark, problem);
        }
        int firstData = Math.max(from, UDP_HEADER);
        byte[] due = pattern.bytes(flow.id(), sequence, firstData - UDP_HEADER, to - firstData);
        for (int i = 0; i < due.length; i++) {
            if (frame[ip.transportAt() + firstData - from + i] != due[i]) {
                return wrong(flow, sequence, mark, "byte " + (firstData + i) + " of the datagram is not as sent");
            }
        }
        if (sent.arrived.nextSetBit(from) >= 0 && sent.arrived.nextSetBit(from) < to) {
            return wrong(flow, sequence, mark, "bytes " + from + " to " + to + " arrived twice");
        }
        sent.arrived.set(from, to);
        if (sent.complete()) {
            datagrams.remove(key(flow.id(), sequence));
            outstanding--;
        }
        return expected(sent.packet);
    }

    private static String headerProblem(byte[] frame, IpPacket ip, Flow flow) {
        boolean echo = flow.kind().carrier() == FlowKind.Carrier.ECHO;
        int protocol = echo ? flow.overIpv6() ? Frames.PROTOCOL_ICMPV6 : Frames.PROTOCOL_ICMP : Frames.PROTOCOL_UDP;
        boolean right = ip.protocol() == protocol
                && Arrays.equals(ip.source(), flow.sourceBytes())
                && Arrays.equals(ip.destination(), flow.destinationBytes());
        if (right && ip.fragmentOffset() == 0) {
            int at = ip.transportAt();
            right = ip.transportBytes() >= UDP_HEADER
                    && (echo
                            ? IpPacket.u16(frame, at + 4) == flow.sourcePort()
                            : IpPacket.u16(frame, at) == flow.sourcePort()
                                    && IpPacket.u16(frame, at + 2) == flow.destinationPort());
        }
        return right ? null : "addresses, ports or protocol are not those of " + flow.describe();
    }

    private static Arrival expected(Outstanding packet) {
        return new Arrival(What.EXPECTED, packet.flow(), packet.sequence(), packet.mark(), null);
    }

    private static Arrival wrong(Flow flow, int sequence, long mark, String problem) {
        return new Arrival(What.WRONG, flow, sequence, mark, problem);
    }

    private static long key(int flow, int sequence) {
        return (long) flow << 16 | sequence;
    }
}
