// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import static dev.ringtap.guest.channel.EthernetFrame.HEADER_BYTES;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.util.Arrays;

/**
 * Answers ICMP and ICMPv6 echo requests to its addresses, on the queue pair they came on; passes everything else on,
 * fragments and packets with IPv6 extension headers too. RFC 792 and RFC 4443, 4.
 */
public final class IcmpEchoResponder extends ChannelInboundHandlerAdapter {
    private static final int IP = HEADER_BYTES;
    private static final int ECHO_BYTES = 8;

    private static final int IPV4_BYTES = 20;
    private static final int IPV4_TOTAL_LENGTH = IP + 2;
    private static final int IPV4_FRAGMENT = IP + 6;
    /** MF and the fragment offset. */
    private static final int IPV4_FRAGMENT_MASK = 0x3FFF;

    private static final int IPV4_TTL = IP + 8;
    private static final int IPV4_PROTOCOL = IP + 9;
    private static final int IPV4_CHECKSUM = IP + 10;
    private static final int IPV4_SOURCE = IP + 12;
    private static final int IPV4_DESTINATION = IP + 16;
    private static final int ICMP = 1;
    private static final int ECHO_REQUEST = 8;
    private static final int ECHO_REPLY = 0;

    private static final int IPV6_BYTES = 40;
    private static final int IPV6_PAYLOAD_LENGTH = IP + 4;
    private static final int IPV6_NEXT_HEADER = IP + 6;
    private static final int IPV6_HOP_LIMIT = IP + 7;
    private static final int IPV6_SOURCE = IP + 8;
    private static final int IPV6_DESTINATION = IP + 24;
    private static final int ICMPV6 = 58;
    private static final int ECHO_REQUEST_V6 = 128;
    private static final int ECHO_REPLY_V6 = 129;

    private static final int TTL = 64;

    private final byte[] mac;
    private final byte[][] addresses;

    /** @param addresses IPv4 and IPv6 ones that it answers for */
    public IcmpEchoResponder(byte[] mac, InetAddress... addresses) {
        this.mac = mac.clone();
        this.addresses = Arrays.stream(addresses).map(InetAddress::getAddress).toArray(byte[][]::new);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        byte[] reply = message instanceof ReceivedPacket packet ? reply(packet.frame()) : null;
        if (reply != null) {
            context.writeAndFlush(TransmitPacket.plain(((ReceivedPacket) message).queue(), reply));
        } else {
            context.fireChannelRead(message);
        }
    }

    /** The reply, or null if the frame is no echo request to us. */
    private byte[] reply(byte[] frame) {
        if (EthernetFrame.is(frame, EthernetFrame.ETHER_TYPE_IPV4, IPV4_BYTES + ECHO_BYTES)) {
            return replyV4(frame);
        }
        if (EthernetFrame.is(frame, EthernetFrame.ETHER_TYPE_IPV6, IPV6_BYTES + ECHO_BYTES)) {
            return replyV6(frame);
        }
        return null;
    }

    private byte[] replyV4(byte[] request) {
        int headerBytes = 4 * (EthernetFrame.u8(request, IP) & 0xF);
        int totalBytes = EthernetFrame.u16(request, IPV4_TOTAL_LENGTH);
        int icmp = IP + headerBytes;
        boolean ours = EthernetFrame.u8(request, IP) >> 4 == 4
                && headerBytes >= IPV4_BYTES
                && totalBytes >= headerBytes + ECHO_BYTES
                && totalBytes <= request.length - IP
                && EthernetFrame.u8(request, IPV4_PROTOCOL) == ICMP
                && (EthernetFrame.u16(request, IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK) == 0
                && EthernetFrame.u16(request, icmp) == ECHO_REQUEST << 8
                && isMine(request, IPV4_DESTINATION, 4)
                && InternetChecksum.of(request, IP, headerBytes) == 0
                && InternetChecksum.of(request, icmp, totalBytes - headerBytes) == 0;
        if (!ours) {
            return null;
        }
        byte[] frame = Arrays.copyOf(request, IP + totalBytes);
        EthernetFrame.turnRound(frame, mac);
        swap(frame, IPV4_SOURCE, IPV4_DESTINATION, 4);
        frame[IPV4_TTL] = TTL;
        EthernetFrame.put16(frame, IPV4_CHECKSUM, 0);
        EthernetFrame.put16(frame, IPV4_CHECKSUM, InternetChecksum.of(frame, IP, headerBytes));
        frame[icmp] = ECHO_REPLY;
        EthernetFrame.put16(frame, icmp + 2, 0);
        EthernetFrame.put16(frame, icmp + 2, InternetChecksum.of(frame, icmp, totalBytes - headerBytes));
        return frame;
    }

    private byte[] replyV6(byte[] request) {
        int icmp = IP + IPV6_BYTES;
        int length = EthernetFrame.u16(request, IPV6_PAYLOAD_LENGTH);
        boolean ours = EthernetFrame.u8(request, IP) >> 4 == 6
                && length >= ECHO_BYTES
                && length <= request.length - icmp
                && EthernetFrame.u8(request, IPV6_NEXT_HEADER) == ICMPV6
                && EthernetFrame.u16(request, icmp) == ECHO_REQUEST_V6 << 8
                && isMine(request, IPV6_DESTINATION, 16)
                && InternetChecksum.ofIpv6(request, IP, ICMPV6, icmp, length) == 0;
        if (!ours) {
            return null;
        }
        byte[] frame = Arrays.copyOf(request, icmp + length);
        EthernetFrame.turnRound(frame, mac);
        swap(frame, IPV6_SOURCE, IPV6_DESTINATION, 16);
        frame[IPV6_HOP_LIMIT] = TTL;
        frame[icmp] = (byte) ECHO_REPLY_V6;
        EthernetFrame.put16(frame, icmp + 2, 0);
        EthernetFrame.put16(frame, icmp + 2, InternetChecksum.ofIpv6(frame, IP, ICMPV6, icmp, length));
        return frame;
    }

    private boolean isMine(byte[] frame, int at, int bytes) {
        for (byte[] address : addresses) {
            if (address.length == bytes && EthernetFrame.holds(frame, at, address)) {
                return true;
            }
        }
        return false;
    }

    private static void swap(byte[] frame, int a, int b, int lengthBytes) {
        byte[] kept = Arrays.copyOfRange(frame, a, a + lengthBytes);
        System.arraycopy(frame, b, frame, a, lengthBytes);
        System.arraycopy(kept, 0, frame, b, lengthBytes);
    }
}
