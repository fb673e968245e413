// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import dev.ringtap.guest.TransmitPacket;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/**
 * The guest's end of the TCP flows: accepts, acknowledges, sends, closes. It never retransmits, since nothing between
 * it and the host may lose a frame; a host's retransmission is answered. RFC 9293, 3.10.7, as far as the host's kernel
 * notices.
 *
 * <p>Not thread-safe.
 */
public final class TcpResponder {
    /**
     * What a segment of a known connection carries.
     *
     * @param streamOffset where in the flow's stream its data starts
     * @param dataAt where in the frame
     */
    record Segment(Flow flow, int flags, int streamOffset, int dataAt, int dataBytes) {}

    private static final int HEADER_BYTES = 20;
    private static final int INITIAL_SEQUENCE = 0x7FFF_F000;
    private static final int CHECKSUM_OFFSET = 16;
    private static final int MSS4 = 1460;
    private static final int MSS6 = 1440;

    private final Topology topology;
    private final ToIntFunction<Flow> transmitQueue;
    private final Map<ByteBuffer, Connection> connections = new HashMap<>();
    private final Map<Flow, Connection> byFlow = new HashMap<>();

    private static final class Connection {
        private final Flow flow;
        private boolean open;
        private boolean finished;
        private int peerInitial;
        private int received;
        private int sent;
        private int acknowledged;
        private int finAt = -1;
        private String fault;
        /** Data ahead of {@code received}: stream offset to end. */
        private final TreeMap<Integer, Integer> ahead = new TreeMap<>();

        Connection(Flow flow) {
            this.flow = flow;
        }
    }

    /**
     * @param flows those that {@link FlowKind.Carrier#TCP_SOCKET} carries; others are passed over
     * @param transmitQueue on which queue the guest sends for a flow
     */
    public TcpResponder(Collection<Flow> flows, Topology topology, ToIntFunction<Flow> transmitQueue) {
        this.topology = topology;
        this.transmitQueue = transmitQueue;
        for (Flow flow : flows) {
            if (flow.kind().carrier() == FlowKind.Carrier.TCP_SOCKET) {
                Connection connection = new Connection(flow);
                connections.put(
                        key(flow.sourceBytes(), flow.destinationBytes(), flow.sourcePort(), flow.destinationPort()),
                        connection);
                byFlow.put(flow, connection);
            }
        }
    }

    /** The segment in a frame from the host, null if it belongs to no connection of ours. Changes nothing. */
    Segment find(byte[] frame, IpPacket ip) {
        if (ip.protocol() != Frames.PROTOCOL_TCP || !ip.whole() || ip.transportBytes() < HEADER_BYTES) {
            return null;
        }
        int at = ip.transportAt();
        Connection connection = connections.get(
                key(ip.source(), ip.destination(), IpPacket.u16(frame, at), IpPacket.u16(frame, at + 2)));
        int dataAt = at + (frame[at + 12] >> 4 & 0xF) * 4;
        if (connection == null || dataAt > ip.end()) {
            return null;
        }
        int offset = IpPacket.i32(frame, at + 4) - connection.peerInitial - 1;
        return new Segment(connection.flow, frame[at + 13] & 0xFF, offset, dataAt, ip.end() - dataAt);
    }

    /** Takes a segment in and appends what the guest answers. */
    void receive(byte[] frame, IpPacket ip, Segment segment, List<TransmitPacket> answers) {
        Connection c = byFlow.get(segment.flow());
        int sequence = IpPacket.i32(frame, ip.transportAt() + 4);
        int acknowledgment = IpPacket.i32(frame, ip.transportAt() + 8);
        if ((segment.flags() & Frames.TCP_RST) != 0) {
            c.fault = "the host reset the connection";
            return;
        }
        if ((segment.flags() & Frames.TCP_SYN) != 0) {
            c.open = true;
            c.peerInitial = sequence;
            answers.add(control(c, INITIAL_SEQUENCE, Frames.TCP_SYN | Frames.TCP_ACK, maximumSegmentSize(c.flow)));
            return;
        }
        if (!c.open) {
            return;
        }
        if ((segment.flags() & Frames.TCP_ACK) != 0) {
            c.acknowledged = Math.max(c.acknowledged, acknowledgment - INITIAL_SEQUENCE - 1);
        }
        if (segment.dataBytes() > 0) {
            accept(c, segment.streamOffset(), segment.streamOffset() + segment.dataBytes());
        }
        if ((segment.flags() & Frames.TCP_FIN) != 0) {
            c.finAt = segment.streamOffset() + segment.dataBytes();
        }
        boolean closing = c.finAt == c.received;
        if (closing && !c.finished) {
            c.finished = true;
            answers.add(control(c, nextSequence(c), Frames.TCP_FIN | Frames.TCP_ACK, new byte[0]));
        } else if (segment.dataBytes() > 0 || closing && (segment.flags() & Frames.TCP_FIN) != 0) {
            answers.add(control(c, nextSequence(c) + (c.finished ? 1 : 0), Frames.TCP_ACK, new byte[0]));
        }
    }

    /** Segments overtake each other where a reconfiguration moves their flow to another queue. */
    private static void accept(Connection c, int from, int to) {
        c.ahead.merge(from, to, Math::max);
        while (!c.ahead.isEmpty() && c.ahead.firstKey() <= c.received) {
            c.received = Math.max(c.received, c.ahead.pollFirstEntry().getValue());
        }
    }

    /**
     * One frame with the next {@code dataBytes} of the return stream, its checksum left to the device; larger than a
     * segment, it is left to the device to be cut, too. At most 60,000 bytes.
     */
    public TransmitPacket send(Flow flow, int dataBytes) {
        Connection c = byFlow.get(flow);
        byte[] data = flow.returnStream(c.sent, dataBytes);
        byte[] frame = frame(c, nextSequence(c), Frames.TCP_ACK | Frames.TCP_PSH, new byte[0], data, true);
        c.sent += dataBytes;
        int start = frame.length - dataBytes - HEADER_BYTES;
        int segmentBytes = flow.overIpv6() ? MSS6 : MSS4;
        if (dataBytes <= segmentBytes) {
            return TransmitPacket.partialChecksum(transmitQueue.applyAsInt(flow), frame, start, CHECKSUM_OFFSET);
        }
        return new TransmitPacket(
                transmitQueue.applyAsInt(flow),
                frame,
                TransmitPacket.NEEDS_CSUM,
                flow.overIpv6() ? TransmitPacket.GSO_TCPV6 : TransmitPacket.GSO_TCPV4,
                start + HEADER_BYTES,
                segmentBytes,
                start,
                CHECKSUM_OFFSET);
    }

    /** Bytes of the return stream the host has not acknowledged. */
    public int unacknowledged(Flow flow) {
        Connection c = byFlow.get(flow);
        return c.sent - Math.min(c.sent, c.acknowledged);
    }

    /** What broke a connection, null if nothing did. */
    public String fault(Flow flow) {
        return byFlow.get(flow).fault;
    }

    /** Whether both sides have closed. */
    public boolean closed(Flow flow) {
        return byFlow.get(flow).finished;
    }

    private static int nextSequence(Connection c) {
        return INITIAL_SEQUENCE + 1 + c.sent;
    }

    private static byte[] maximumSegmentSize(Flow flow) {
        int bytes = flow.overIpv6() ? MSS6 : MSS4;
        return new byte[] {2, 4, (byte) (bytes >> 8), (byte) bytes};
    }

    private TransmitPacket control(Connection c, int sequence, int flags, byte[] options) {
        byte[] frame = frame(c, sequence, flags, options, new byte[0], false);
        return TransmitPacket.plain(transmitQueue.applyAsInt(c.flow), frame);
    }

    private byte[] frame(Connection c, int sequence, int flags, byte[] options, byte[] data, boolean partial) {
        Flow flow = c.flow;
        int next = c.peerInitial + 1 + c.received + (c.finAt == c.received ? 1 : 0);
        byte[] source = flow.destinationBytes();
        byte[] destination = flow.sourceBytes();
        byte[] segment = Frames.tcp(
                source,
                destination,
                flow.destinationPort(),
                flow.sourcePort(),
                sequence,
                next,
                flags,
                options,
                data,
                partial);
        return flow.overIpv6()
                ? Frames.ethernet(
                        topology.hostMac(),
                        topology.guestMac(),
                        Frames.ETHERTYPE_IPV6,
                        Frames.ipv6(source, destination, Frames.PROTOCOL_TCP, segment))
                : Frames.ethernet(
                        topology.hostMac(),
                        topology.guestMac(),
                        Frames.ETHERTYPE_IPV4,
                        Frames.ipv4(source, destination, Frames.PROTOCOL_TCP, segment));
    }

    private static ByteBuffer key(byte[] source, byte[] destination, int sourcePort, int destinationPort) {
        ByteBuffer key = ByteBuffer.allocate(source.length + destination.length + 4);
        return key.put(source)
                .put(destination)
                .putShort((short) sourcePort)
                .putShort((short) destinationPort)
                .flip();
    }
}
