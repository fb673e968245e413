// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import java.nio.ByteBuffer;

/**
 * Ethernet frames from the inside out: a transport packet, wrapped in an IP packet, wrapped in a frame. Everything in
 * network byte order; addresses are 4 or 16 bytes.
 */
public final class Frames {
    public static final int ETHERTYPE_IPV4 = 0x0800;
    public static final int ETHERTYPE_ARP = 0x0806;
    public static final int ETHERTYPE_IPV6 = 0x86DD;
    public static final int TPID_CUSTOMER = 0x8100;
    public static final int TPID_SERVICE = 0x88A8;

    public static final int PROTOCOL_ICMP = 1;
    public static final int PROTOCOL_TCP = 6;
    public static final int PROTOCOL_UDP = 17;
    public static final int PROTOCOL_ICMPV6 = 58;
    public static final int PROTOCOL_NONE = 59;
    public static final int PROTOCOL_SCTP = 132;

    /** RFC 8200, 4.3, 4.4, 4.5, 4.6 and RFC 4302, 2. */
    public static final int HEADER_HOP_BY_HOP = 0;

    public static final int HEADER_ROUTING = 43;
    public static final int HEADER_FRAGMENT = 44;
    public static final int HEADER_AUTHENTICATION = 51;
    public static final int HEADER_DESTINATION_OPTIONS = 60;

    public static final int TCP_FIN = 1;
    public static final int TCP_SYN = 2;
    public static final int TCP_RST = 4;
    public static final int TCP_PSH = 8;
    public static final int TCP_ACK = 16;

    public static final int MAC_HEADER_BYTES = 14;

    /** RFC 6275, 6.3: the home address option is type 201 with 16 bytes. */
    private static final byte[] HOME_ADDRESS_OPTION = {(byte) 0xC9, 16};

    private static final int HOP_LIMIT = 64;

    /**
     * One IPv6 extension header.
     *
     * @param number its protocol number
     * @param body all of it; the first byte is overwritten with the next header's number
     */
    public record Extension(int number, byte[] body) {}

    private Frames() {}

    /** A frame with VLAN tags, outermost first; a tag is its TPID in the high half and its TCI in the low half. */
    public static byte[] ethernet(byte[] destination, byte[] source, int type, byte[] payload, int... tags) {
        ByteBuffer frame = ByteBuffer.allocate(MAC_HEADER_BYTES + 4 * tags.length + payload.length);
        frame.put(destination).put(source);
        for (int tag : tags) {
            frame.putInt(tag);
        }
        return frame.putShort((short) type).put(payload).array();
    }

    /** A tag of VLAN {@code id} for {@link #ethernet}. */
    public static int tag(int tpid, int id) {
        return tpid << 16 | id;
    }

    /** An IPv4 packet, RFC 791, 3.1; {@code options} is a multiple of 4 bytes. */
    public static byte[] ipv4(
            byte[] source, byte[] destination, int protocol, int id, int flagsAndOffset, byte[] options, byte[] data) {
        int headerBytes = 20 + options.length;
        ByteBuffer packet = ByteBuffer.allocate(headerBytes + data.length);
        packet.put((byte) (0x40 | headerBytes / 4)).put((byte) 0).putShort((short) packet.capacity());
        packet.putShort((short) id).putShort((short) flagsAndOffset);
        packet.put((byte) HOP_LIMIT).put((byte) protocol).putShort((short) 0);
        packet.put(source).put(destination).put(options).put(data);
        packet.putShort(10, (short) Checksums.of(packet.array(), 0, headerBytes));
        return packet.array();
    }

    /** An IPv4 packet without options that may not be fragmented. */
    public static byte[] ipv4(byte[] source, byte[] destination, int protocol, byte[] data) {
        return ipv4(source, destination, protocol, 0, 0x4000, new byte[0], data);
    }

    /** An IPv6 packet, RFC 8200, 3, with extension headers in the order given. */
    public static byte[] ipv6(byte[] source, byte[] destination, int protocol, byte[] data, Extension... extensions) {
        int extensionBytes = 0;
        for (Extension extension : extensions) {
            extensionBytes += extension.body().length;
        }
        ByteBuffer packet = ByteBuffer.allocate(40 + extensionBytes + data.length);
        packet.putInt(0x6000_0000).putShort((short) (extensionBytes + data.length));
        packet.put((byte) (extensions.length == 0 ? protocol : extensions[0].number()))
                .put((byte) HOP_LIMIT);
        packet.put(source).put(destination);
        for (int i = 0; i < extensions.length; i++) {
            int at = packet.position();
            packet.put(extensions[i].body());
            packet.put(at, (byte) (i + 1 < extensions.length ? extensions[i + 1].number() : protocol));
        }
        return packet.put(data).array();
    }

    /** Hop-by-hop or destination options, RFC 8200, 4.3 and 4.6: padded with Pad1 to a multiple of 8 bytes. */
    public static Extension options(int number, byte[]... options) {
        int bytes = 2;
        for (byte[] option : options) {
            bytes += option.length;
        }
        ByteBuffer body = ByteBuffer.allocate(bytes + 7 & ~7);
        body.put((byte) 0).put((byte) (body.capacity() / 8 - 1));
        for (byte[] option : options) {
            body.put(option);
        }
        return new Extension(number, body.array());
    }

    /** PadN of {@code bytes} in all, 2 or more: RFC 8200, 4.2. */
    public static byte[] padN(int bytes) {
        byte[] option = new byte[bytes];
        option[0] = 1;
        option[1] = (byte) (bytes - 2);
        return option;
    }

    /** The home address option, RFC 6275, 6.3. */
    public static byte[] homeAddress(byte[] address) {
        return ByteBuffer.allocate(18).put(HOME_ADDRESS_OPTION).put(address).array();
    }

    /** A routing header with one address: type 2 is RFC 6275, 6.4, type 4 RFC 8754, 2. */
    public static Extension routing(int type, int segmentsLeft, byte[] address) {
        ByteBuffer body = ByteBuffer.allocate(24);
        body.put((byte) 0)
                .put((byte) 2)
                .put((byte) type)
                .put((byte) segmentsLeft)
                .putInt(0);
        return new Extension(HEADER_ROUTING, body.put(address).array());
    }

    /** A fragment header, RFC 8200, 4.5; the offset is in bytes and a multiple of 8. */
    public static Extension fragment(int offsetBytes, boolean more, int id) {
        ByteBuffer body = ByteBuffer.allocate(8);
        body.putShort((short) 0)
                .putShort((short) (offsetBytes | (more ? 1 : 0)))
                .putInt(id);
        return new Extension(HEADER_FRAGMENT, body.array());
    }

    /** An authentication header with 12 bytes of check value, RFC 4302, 2. */
    public static Extension authentication(int securityParameters, int sequence) {
        ByteBuffer body = ByteBuffer.allocate(24);
        body.put((byte) 0)
                .put((byte) 4)
                .putShort((short) 0)
                .putInt(securityParameters)
                .putInt(sequence);
        return new Extension(HEADER_AUTHENTICATION, body.array());
    }

    /** A UDP datagram with its checksum over the pseudo-header of these addresses. */
    public static byte[] udp(byte[] source, byte[] destination, int sourcePort, int destinationPort, byte[] data) {
        byte[] datagram = udpWithoutChecksum(sourcePort, destinationPort, data);
        int sum = Checksums.transport(source, destination, PROTOCOL_UDP, datagram, 0, datagram.length);
        // RFC 768: a sum of 0 is sent as all ones, since 0 means none.
        ByteBuffer.wrap(datagram).putShort(6, (short) (sum == 0 ? 0xFFFF : sum));
        return datagram;
    }

    /** A UDP datagram whose checksum field holds the pseudo-header's sum, for the device to finish. */
    public static byte[] udpPartial(
            byte[] source, byte[] destination, int sourcePort, int destinationPort, byte[] data) {
        byte[] datagram = udpWithoutChecksum(sourcePort, destinationPort, data);
        int sum = Checksums.pseudoHeader(source, destination, PROTOCOL_UDP, datagram.length);
        ByteBuffer.wrap(datagram).putShort(6, (short) sum);
        return datagram;
    }

    private static byte[] udpWithoutChecksum(int sourcePort, int destinationPort, byte[] data) {
        ByteBuffer datagram = ByteBuffer.allocate(8 + data.length);
        datagram.putShort((short) sourcePort).putShort((short) destinationPort);
        datagram.putShort((short) datagram.capacity()).putShort((short) 0);
        return datagram.put(data).array();
    }

    /**
     * A TCP segment, RFC 9293, 3.1.
     *
     * @param options a multiple of 4 bytes
     * @param partial whether the checksum field holds the pseudo-header's sum only, for the device to finish
     */
    public static byte[] tcp(
            byte[] source,
            byte[] destination,
            int sourcePort,
            int destinationPort,
            int sequence,
            int acknowledgment,
            int flags,
            byte[] options,
            byte[] data,
            boolean partial) {
        int headerBytes = 20 + options.length;
        ByteBuffer segment = ByteBuffer.allocate(headerBytes + data.length);
        segment.putShort((short) sourcePort).putShort((short) destinationPort);
        segment.putInt(sequence).putInt(acknowledgment);
        segment.put((byte) (headerBytes / 4 << 4)).put((byte) flags).putShort((short) 0xFFFF);
        segment.putInt(0).put(options).put(data);
        int bytes = segment.capacity();
        int sum = partial
                ? Checksums.pseudoHeader(source, destination, PROTOCOL_TCP, bytes)
                : Checksums.transport(source, destination, PROTOCOL_TCP, segment.array(), 0, bytes);
        return segment.putShort(16, (short) sum).array();
    }

    /** An ICMP echo request or reply, RFC 792. */
    public static byte[] icmpEcho(int type, int id, int sequence, byte[] data) {
        byte[] message = echo(type, id, sequence, data);
        ByteBuffer.wrap(message).putShort(2, (short) Checksums.of(message, 0, message.length));
        return message;
    }

    /** An ICMPv6 echo request or reply, RFC 4443, 4.1. */
    public static byte[] icmpv6Echo(byte[] source, byte[] destination, int type, int id, int sequence, byte[] data) {
        byte[] message = echo(type, id, sequence, data);
        int sum = Checksums.transport(source, destination, PROTOCOL_ICMPV6, message, 0, message.length);
        ByteBuffer.wrap(message).putShort(2, (short) sum);
        return message;
    }

    private static byte[] echo(int type, int id, int sequence, byte[] data) {
        ByteBuffer message = ByteBuffer.allocate(8 + data.length);
        message.put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putShort((short) id)
                .putShort((short) sequence);
        return message.put(data).array();
    }

    /** An ARP request, RFC 826. */
    public static byte[] arpRequest(byte[] senderMac, byte[] sender, byte[] target) {
        ByteBuffer request = ByteBuffer.allocate(28);
        request.putShort((short) 1)
                .putShort((short) ETHERTYPE_IPV4)
                .put((byte) 6)
                .put((byte) 4)
                .putShort((short) 1);
        return request.put(senderMac).put(sender).put(new byte[6]).put(target).array();
    }
}
