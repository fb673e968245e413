// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import dev.ringtap.guest.TransmitPacket;

/** What the guest sends to the host along the flows, apart from TCP: see {@link TcpResponder#send}. */
public final class ReturnTraffic {
    /** Local experimental EtherType 2 (IEEE 802): no host answers it. */
    public static final int ETHERTYPE = 0x88B6;

    private static final int UDP_CHECKSUM_OFFSET = 6;
    private static final int ICMP_ECHO_REQUEST = 8;
    private static final int ICMPV6_ECHO_REQUEST = 128;

    private ReturnTraffic() {}

    /** The echo request whose reply is packet {@code sequence} of an {@link FlowKind.Carrier#ECHO} flow. */
    public static TransmitPacket echoRequest(Topology topology, Flow flow, int sequence, int queue) {
        byte[] data = flow.payload(sequence);
        int id = flow.sourcePort();
        byte[] source = flow.destinationBytes();
        byte[] destination = flow.sourceBytes();
        byte[] message = flow.overIpv6()
                ? Frames.icmpv6Echo(source, destination, ICMPV6_ECHO_REQUEST, id, sequence, data)
                : Frames.icmpEcho(ICMP_ECHO_REQUEST, id, sequence, data);
        int protocol = flow.overIpv6() ? Frames.PROTOCOL_ICMPV6 : Frames.PROTOCOL_ICMP;
        return TransmitPacket.plain(queue, frame(topology, flow, protocol, message));
    }

    /**
     * A datagram against the direction of a {@link FlowKind.Carrier#UDP_SOCKET} flow, with the payload of its packet
     * {@code sequence}.
     *
     * @param partial whether the checksum is left to the device
     */
    public static TransmitPacket datagram(Topology topology, Flow flow, int sequence, int queue, boolean partial) {
        byte[] data = flow.payload(sequence);
        byte[] source = flow.destinationBytes();
        byte[] destination = flow.sourceBytes();
        int from = flow.destinationPort();
        int to = flow.sourcePort();
        byte[] datagram = partial
                ? Frames.udpPartial(source, destination, from, to, data)
                : Frames.udp(source, destination, from, to, data);
        byte[] frame = frame(topology, flow, Frames.PROTOCOL_UDP, datagram);
        int start = frame.length - datagram.length;
        return partial
                ? TransmitPacket.partialChecksum(queue, frame, start, UDP_CHECKSUM_OFFSET)
                : TransmitPacket.plain(queue, frame);
    }

    /** A frame of {@link #ETHERTYPE} with {@code dataBytes} of pattern, the same for the same arguments. */
    public static byte[] plainFrame(Topology topology, PayloadPattern pattern, int number, int dataBytes) {
        byte[] data = pattern.bytes(number, 0, 0, dataBytes);
        return Frames.ethernet(topology.hostMac(), topology.guestMac(), ETHERTYPE, data);
    }

    private static byte[] frame(Topology topology, Flow flow, int protocol, byte[] data) {
        byte[] source = flow.destinationBytes();
        byte[] destination = flow.sourceBytes();
        return flow.overIpv6()
                ? Frames.ethernet(
                        topology.hostMac(),
                        topology.guestMac(),
                        Frames.ETHERTYPE_IPV6,
                        Frames.ipv6(source, destination, protocol, data))
                : Frames.ethernet(
                        topology.hostMac(),
                        topology.guestMac(),
                        Frames.ETHERTYPE_IPV4,
                        Frames.ipv4(source, destination, protocol, data));
    }
}
