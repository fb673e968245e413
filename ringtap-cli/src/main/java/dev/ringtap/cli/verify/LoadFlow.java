// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.guest.traffic.Topology;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * A flow of the load: frames that say themselves which they are, so that nobody need remember what is under way.
 *
 * <pre>
 *   headers | 8 mark of the run | 4 flow | 8 sequence | a pattern
 * </pre>
 *
 * The sender's thread makes and sends frames, the guest's checks them; they share nothing that changes.
 */
final class LoadFlow {
    /** What its packets are. */
    enum Kind {
        UDP4(false, false),
        TCP4(false, false),
        UDP6(true, false),
        TCP6(true, false),
        /** With a tag in the frame. */
        TAGGED_UDP4(false, false),
        /** Of the type that the in-band prefix has, too. */
        NOT_IP(false, false),
        LARGE_TCP4(false, true),
        LARGE_TCP6(true, true),
        LARGE_UDP4(false, true),
        LARGE_UDP6(true, true);

        private final boolean ipv6;
        private final boolean large;

        Kind(boolean ipv6, boolean large) {
            this.ipv6 = ipv6;
            this.large = large;
        }

        private boolean tcp() {
            return name().contains("TCP");
        }

        private int headerBytes() {
            return tcp() ? TCP_HEADER_BYTES : UDP_HEADER_BYTES;
        }

        private int checksumOffset() {
            return tcp() ? 16 : 6;
        }

        private int gsoType() {
            if (!tcp()) {
                return TransmitPacket.GSO_UDP_L4;
            }
            return ipv6 ? TransmitPacket.GSO_TCPV6 : TransmitPacket.GSO_TCPV4;
        }

        /** Those that arrive as they were sent; a TAP without USO would cut some. */
        private static List<Kind> usable(boolean uso) {
            return Arrays.stream(values())
                    .filter(kind -> uso || !kind.large || kind.tcp())
                    .toList();
        }
    }

    private static final int TCP_HEADER_BYTES = 20;
    private static final int UDP_HEADER_BYTES = 8;

    private static final int MARK_BYTES = 8;
    private static final int IDENTITY_BYTES = MARK_BYTES + 4 + 8;
    private static final int EXPERIMENTAL_TYPE = 0x88B5;
    private static final int SEGMENT_BYTES = 1400;
    private static final int FIRST_PORT = 20_000;

    // Where the payload begins, by kind: the guest tries them all, for a frame says no more than its bytes.
    private static final int[] PAYLOADS = {14, 42, 46, 54, 62, 74};

    private final int id;
    private final Kind kind;
    private final byte[] frame;
    private final int payloadAt;
    private final Expectation.Answer expected;
    private long sequence;
    private long lastSeen = -1;

    /**
     * @param mark of the run, which tells its frames from all others
     * @param rss what is in force while the flow is sent
     * @param uso whether the TAP leaves UDP datagrams uncut for the guest
     */
    LoadFlow(int id, long mark, Topology topology, GuestRss rss, boolean uso) {
        this.id = id;
        List<Kind> kinds = Kind.usable(uso);
        kind = kinds.get(id % kinds.size());
        byte[] payload = new byte[payloadBytes(kind, id)];
        for (int i = 0; i < payload.length; i++) {
            payload[i] = (byte) (i * 7 + id);
        }
        ByteBuffer.wrap(payload).putLong(mark).putInt(id);
        frame = frame(topology, payload);
        payloadAt = frame.length - payload.length;
        expected = Expectation.of(frame, rss);
    }

    private static int payloadBytes(Kind kind, int id) {
        return kind.large ? SEGMENT_BYTES * (2 + id % 10) : IDENTITY_BYTES + id * 37 % 1000;
    }

    private byte[] frame(Topology topology, byte[] payload) {
        var sources = kind.ipv6 ? topology.host6() : topology.host4();
        var destinations = kind.ipv6 ? topology.guest6() : topology.guest4();
        byte[] source = sources.get(id % sources.size());
        byte[] destination = destinations.get(id / 3 % destinations.size());
        int port = FIRST_PORT + id;
        if (kind == Kind.NOT_IP) {
            return Frames.ethernet(topology.guestMac(), topology.hostMac(), EXPERIMENTAL_TYPE, payload);
        }
        byte[] transport;
        if (kind.tcp()) {
            transport =
                    Frames.tcp(source, destination, port, 80, 1, 1, Frames.TCP_ACK, new byte[0], payload, kind.large);
        } else if (kind.large) {
            transport = Frames.udpPartial(source, destination, port, 9, payload);
        } else {
            transport = Frames.udp(source, destination, port, 9, payload);
        }
        int protocol = kind.tcp() ? Frames.PROTOCOL_TCP : Frames.PROTOCOL_UDP;
        byte[] packet = kind.ipv6
                ? Frames.ipv6(source, destination, protocol, transport)
                : Frames.ipv4(source, destination, protocol, transport);
        int type = kind.ipv6 ? Frames.ETHERTYPE_IPV6 : Frames.ETHERTYPE_IPV4;
        int[] tags =
                kind == Kind.TAGGED_UDP4 ? new int[] {Frames.tag(Frames.TPID_CUSTOMER, 1 + id % 4000)} : new int[0];
        return Frames.ethernet(topology.guestMac(), topology.hostMac(), type, packet, tags);
    }

    /**
     * Sends the next frame.
     *
     * @return whether the host took it
     */
    boolean sendNext(LoadSender host) throws IOException {
        ByteBuffer.wrap(frame).putLong(payloadAt + MARK_BYTES + 4, sequence);
        boolean sent;
        if (kind.large) {
            int transportAt = payloadAt - kind.headerBytes();
            sent = host.sendSegmented(
                    frame, kind.gsoType(), payloadAt, SEGMENT_BYTES, transportAt, kind.checksumOffset());
        } else {
            sent = host.send(frame);
        }
        if (!sent) {
            return false;
        }
        sequence++;
        return true;
    }

    /** The number of the flow that a frame says it is of, or -1 if it is not of this run. */
    static int idOf(byte[] frame, long mark) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        for (int at : PAYLOADS) {
            if (frame.length >= at + IDENTITY_BYTES && bytes.getLong(at) == mark) {
                return bytes.getInt(at + MARK_BYTES);
            }
        }
        return -1;
    }

    /** What is wrong with a packet of this flow, null if nothing is. The guest's thread only. */
    String problem(ReceivedPacket packet) {
        byte[] got = packet.frame();
        int sequenceAt = payloadAt + MARK_BYTES + 4;
        int rest = sequenceAt + 8;
        // The sender writes the sequence into its own copy meanwhile; all else never changes.
        if (got.length != frame.length
                || !Arrays.equals(got, 0, sequenceAt, frame, 0, sequenceAt)
                || !Arrays.equals(got, rest, got.length, frame, rest, frame.length)) {
            return "the frame is not as it was sent";
        }
        long number = ByteBuffer.wrap(got).getLong(sequenceAt);
        if (number <= lastSeen) {
            return "number %d after %d".formatted(number, lastSeen);
        }
        lastSeen = number;
        if (packet.queue() != expected.queue()
                || packet.hashValue() != expected.hashValue()
                || packet.hashReport() != expected.hashReport()) {
            return "queue %d with hash %08x type %d, expected queue %d with %08x type %d"
                    .formatted(
                            packet.queue(),
                            packet.hashValue(),
                            packet.hashReport(),
                            expected.queue(),
                            expected.hashValue(),
                            expected.hashReport());
        }
        return kind.large ? offloadProblem(packet) : null;
    }

    private String offloadProblem(ReceivedPacket packet) {
        boolean right = packet.gsoType() == kind.gsoType()
                && packet.gsoSize() == SEGMENT_BYTES
                && (packet.flags() & TransmitPacket.NEEDS_CSUM) != 0
                && packet.csumStart() == payloadAt - kind.headerBytes()
                && packet.csumOffset() == kind.checksumOffset()
                && packet.hdrLen() >= payloadAt;
        return right ? null : "offload fields of " + packet;
    }

    @Override
    public String toString() {
        return "load flow %d, %s".formatted(id, kind);
    }
}
