// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import dev.ringtap.guest.traffic.Frames.Extension;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** One flow from the host to the guest. Immutable; packets are numbered from 0 and no two of a run are alike. */
public final class Flow {
    private static final int SMALL_DATA_BYTES = 16;
    private static final int LARGE_DATA_BYTES = 700;

    /** With an MTU of 1500: two to four fragments, which carry so many bytes each. */
    private static final int SMALLEST_FRAGMENTED_BYTES = 1600;

    private static final int FRAGMENT4_BYTES = 1480;
    private static final int FRAGMENT6_BYTES = 1448;

    private static final int ECHO_REPLY4 = 0;
    private static final int ECHO_REPLY6 = 129;

    private final int id;
    private final FlowKind kind;
    private final Endpoints endpoints;
    private final PayloadPattern pattern;

    /**
     * Both ends.
     *
     * @param hostMac source of the flow's frames
     * @param guestMac their destination
     * @param source 4 or 16 bytes
     * @param sourcePort source port, or the identifier of an echo
     * @param home a mobile node's home address, for the kinds that carry one
     * @param routed the address in a routing header, for the kinds that carry one
     */
    record Endpoints(
            byte[] hostMac,
            byte[] guestMac,
            byte[] source,
            byte[] destination,
            int sourcePort,
            int destinationPort,
            byte[] home,
            byte[] routed) {}

    Flow(int id, FlowKind kind, Endpoints endpoints, PayloadPattern pattern) {
        this.id = id;
        this.kind = kind;
        this.endpoints = endpoints;
        this.pattern = pattern;
    }

    public int id() {
        return id;
    }

    public FlowKind kind() {
        return kind;
    }

    public InetAddress source() {
        return address(endpoints.source());
    }

    public InetAddress destination() {
        return address(endpoints.destination());
    }

    byte[] sourceBytes() {
        return endpoints.source();
    }

    byte[] destinationBytes() {
        return endpoints.destination();
    }

    public int sourcePort() {
        return endpoints.sourcePort();
    }

    public int destinationPort() {
        return endpoints.destinationPort();
    }

    public boolean overIpv6() {
        return endpoints.source().length == 16;
    }

    /** The whole frame of a packet. For kinds that go by {@link FlowKind.Carrier#RAW}. */
    public byte[] frame(int sequence) {
        return kind.shape().frame(this, sequence);
    }

    /**
     * A whole frame of a packet of any kind. What a host's kernel would make of a socket's data is made here: the datagram or
     * its first fragment, a segment outside any connection, an echo reply.
     */
    public byte[] readyFrame(int sequence) {
        return switch (kind.carrier()) {
            case RAW -> frame(sequence);
            case UDP_SOCKET -> kind.fragmented() ? firstFragment(sequence) : ip(Frames.PROTOCOL_UDP, udp(sequence));
            case TCP_SOCKET -> ip(Frames.PROTOCOL_TCP, tcp(sequence));
            case ECHO -> echoReply(sequence);
        };
    }

    private byte[] ip(int protocol, byte[] data) {
        return overIpv6() ? ipv6(protocol, data) : ipv4(protocol, data);
    }

    private byte[] firstFragment(int sequence) {
        byte[] datagram = udp(sequence);
        return overIpv6()
                ? ipv6(
                        Frames.PROTOCOL_UDP,
                        Arrays.copyOf(datagram, FRAGMENT6_BYTES),
                        Frames.fragment(0, true, packetId(sequence)))
                : fragment4(sequence, 0x2000, Arrays.copyOf(datagram, FRAGMENT4_BYTES));
    }

    private byte[] echoReply(int sequence) {
        int id = endpoints.sourcePort();
        byte[] data = payload(sequence);
        return overIpv6()
                ? ipv6(
                        Frames.PROTOCOL_ICMPV6,
                        Frames.icmpv6Echo(
                                endpoints.source(), endpoints.destination(), ECHO_REPLY6, id, sequence & 0xFFFF, data))
                : ipv4(Frames.PROTOCOL_ICMP, Frames.icmpEcho(ECHO_REPLY4, id, sequence & 0xFFFF, data));
    }

    /** The data a host socket sends as packet {@code sequence}, or an echo carries. */
    public byte[] payload(int sequence) {
        return pattern.bytes(id, sequence, 0, payloadBytes(sequence));
    }

    int payloadBytes(int sequence) {
        int spread = Math.floorMod(id * 31 + sequence * 17, LARGE_DATA_BYTES);
        if (!kind.fragmented()) {
            return SMALL_DATA_BYTES + spread;
        }
        int bytes = SMALLEST_FRAGMENTED_BYTES + spread * 5;
        int fragmentBytes = overIpv6() ? FRAGMENT6_BYTES : FRAGMENT4_BYTES;
        // The last fragment too has to hold a whole block of the pattern, or nobody would know it again.
        return (8 + bytes) % fragmentBytes < 2 * PayloadPattern.BLOCK_BYTES
                ? bytes + 2 * PayloadPattern.BLOCK_BYTES
                : bytes;
    }

    /** Bytes of the stream a TCP flow sends. */
    public byte[] stream(int from, int length) {
        return pattern.bytes(id, 0, from, length);
    }

    /** Bytes of the stream a TCP flow receives. */
    public byte[] returnStream(int from, int length) {
        return pattern.bytes(id, 1, from, length);
    }

    /** Addresses and ports for a table, {@code 198.18.7.1:4001 > 198.19.7.1:777}. */
    public String describe() {
        if (kind == FlowKind.ARP || kind == FlowKind.VLAN_ARP) {
            return "who has " + text(endpoints.destination());
        }
        return switch (kind) {
            case ETHERTYPE, LLC, MAC_HEADER_ONLY -> "";
            case ECHO4, ECHO6 ->
                text(endpoints.source()) + " > " + text(endpoints.destination()) + " id " + endpoints.sourcePort();
            case PROTOCOL4,
                    PROTOCOL6,
                    NO_NEXT_HEADER6,
                    HOME_ONLY6,
                    ROUTED_ONLY6,
                    MIDDLE_FRAGMENT4,
                    MIDDLE_FRAGMENT6,
                    LAST_FRAGMENT4 -> text(endpoints.source()) + " > " + text(endpoints.destination());
            default ->
                end(endpoints.source(), endpoints.sourcePort()) + " > "
                        + end(endpoints.destination(), endpoints.destinationPort());
        };
    }

    private static String end(byte[] address, int port) {
        return address.length == 4 ? text(address) + ":" + port : "[" + text(address) + "]:" + port;
    }

    private static String text(byte[] address) {
        return AddressText.of(address);
    }

    @Override
    public String toString() {
        return "flow " + id + " (" + kind.label() + ")";
    }

    byte[] home() {
        return endpoints.home();
    }

    byte[] routed() {
        return endpoints.routed();
    }

    byte[] data(int sequence) {
        return payload(sequence);
    }

    /** Different for every packet of a flow, where a header has room for an identification. */
    int packetId(int sequence) {
        return id << 16 | sequence & 0xFFFF;
    }

    byte[] udp(int sequence) {
        return Frames.udp(checksumSource(), checksumDestination(), sourcePort(), destinationPort(), data(sequence));
    }

    byte[] tcp(int sequence) {
        return Frames.tcp(
                checksumSource(),
                checksumDestination(),
                sourcePort(),
                destinationPort(),
                packetId(sequence),
                1,
                Frames.TCP_ACK | Frames.TCP_PSH,
                new byte[0],
                data(sequence),
                false);
    }

    /** The first 12 bytes of a TCP header. */
    byte[] cutTcp(int sequence) {
        return ByteBuffer.allocate(12)
                .putShort((short) sourcePort())
                .putShort((short) destinationPort())
                .putInt(packetId(sequence))
                .putInt(1)
                .array();
    }

    /** RFC 6275, 11.3.1 and 6.4: the home address counts as source, a routing header's address as destination. */
    private byte[] checksumSource() {
        return carriesHome() ? endpoints.home() : endpoints.source();
    }

    private byte[] checksumDestination() {
        return carriesRouted() ? endpoints.routed() : endpoints.destination();
    }

    private boolean carriesHome() {
        return kind.name().startsWith("HOME_") || kind.name().contains("MOBILE_");
    }

    private boolean carriesRouted() {
        return switch (kind) {
            case ROUTED_TCP6, ROUTED_UDP6, ROUTED_ONLY6, MOBILE_TCP6, MOBILE_UDP6, MOBILE_FRAGMENT6 -> true;
            default -> false;
        };
    }

    /** An IPv4 timestamp option of 8 bytes (RFC 791, 3.1) and end of list: 12 bytes in all. */
    byte[] timestampOption(int sequence) {
        return ByteBuffer.allocate(12)
                .put(new byte[] {68, 8, 5, 0})
                .putInt(sequence)
                .array();
    }

    byte[] ipv4(int protocol, byte[] data) {
        return ethernet(
                Frames.ETHERTYPE_IPV4, Frames.ipv4(endpoints.source(), endpoints.destination(), protocol, data));
    }

    /** With a source MAC address of the packet's own, for frames that are cut before anything else tells them apart. */
    byte[] ipv4(int sequence, int protocol, byte[] data) {
        byte[] packet = Frames.ipv4(endpoints.source(), endpoints.destination(), protocol, data);
        return oddFrame(sequence, Frames.ETHERTYPE_IPV4, packet);
    }

    byte[] ipv4(int protocol, byte[] options, byte[] data) {
        byte[] packet = Frames.ipv4(endpoints.source(), endpoints.destination(), protocol, 0, 0x4000, options, data);
        return ethernet(Frames.ETHERTYPE_IPV4, packet);
    }

    byte[] fragment4(int sequence, int flagsAndOffset, byte[] data) {
        byte[] packet = Frames.ipv4(
                endpoints.source(),
                endpoints.destination(),
                Frames.PROTOCOL_UDP,
                packetId(sequence),
                flagsAndOffset,
                new byte[0],
                data);
        return ethernet(Frames.ETHERTYPE_IPV4, packet);
    }

    byte[] ipv6(int protocol, byte[] data, Extension... extensions) {
        byte[] packet = Frames.ipv6(endpoints.source(), endpoints.destination(), protocol, data, extensions);
        return ethernet(Frames.ETHERTYPE_IPV6, packet);
    }

    byte[] ipv6(int sequence, int protocol, byte[] data) {
        byte[] packet = Frames.ipv6(endpoints.source(), endpoints.destination(), protocol, data);
        return oddFrame(sequence, Frames.ETHERTYPE_IPV6, packet);
    }

    byte[] arp(int sequence) {
        return Frames.arpRequest(ownMac(sequence), endpoints.source(), endpoints.destination());
    }

    private byte[] ethernet(int type, byte[] packet) {
        return Frames.ethernet(endpoints.guestMac(), endpoints.hostMac(), type, packet);
    }

    byte[] oddFrame(int sequence, int type, byte[] packet) {
        return Frames.ethernet(endpoints.guestMac(), ownMac(sequence), type, packet);
    }

    /** A locally administered address that no other packet has. */
    private byte[] ownMac(int sequence) {
        byte[] mac = new byte[6];
        ByteBuffer.wrap(mac).putInt(id).putShort((short) sequence);
        mac[0] = 0x06;
        return mac;
    }

    /** The frame with these tags in it, outermost first; VLAN numbers follow from the flow. */
    byte[] tagged(byte[] frame, int... tpids) {
        ByteBuffer tagged = ByteBuffer.allocate(frame.length + 4 * tpids.length);
        tagged.put(frame, 0, 12);
        for (int i = 0; i < tpids.length; i++) {
            tagged.putInt(Frames.tag(tpids[i], 1 + (id + i * 100) % 4094));
        }
        return tagged.put(frame, 12, frame.length - 12).array();
    }

    private static InetAddress address(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of " + bytes.length + " bytes", e);
        }
    }
}
