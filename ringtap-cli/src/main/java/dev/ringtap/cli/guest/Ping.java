// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.guest;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.Frames;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.Inet4Address;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Sends ICMP echo requests to one IPv4 host of the guest's link, after it has asked for its address, and counts the
 * replies. RFC 826, RFC 792.
 */
final class Ping extends ChannelInboundHandlerAdapter {
    private static final long INTERVAL_MS = 200;
    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final int ETHER_TYPE = 12;
    private static final int ARP_OPERATION = Frames.MAC_HEADER_BYTES + 6;
    private static final int ARP_SENDER_MAC = Frames.MAC_HEADER_BYTES + 8;
    private static final int ARP_SENDER_IP = Frames.MAC_HEADER_BYTES + 14;
    private static final int ARP_BYTES = 28;
    private static final int ARP_REPLY = 2;
    private static final int IPV4_PROTOCOL = Frames.MAC_HEADER_BYTES + 9;
    private static final int IPV4_SOURCE = Frames.MAC_HEADER_BYTES + 12;
    private static final int ICMP = Frames.MAC_HEADER_BYTES + 20;
    private static final int ICMP_BYTES = 8;
    private static final int ECHO_REQUEST = 8;
    private static final int ECHO_REPLY = 0;
    private static final int IDENTIFIER = 0x7274;

    private final byte[] mac;
    private final byte[] source;
    private final byte[] target;
    private byte[] targetMac;
    private int sequence;
    private final AtomicLong replies = new AtomicLong();

    Ping(byte[] mac, Inet4Address source, Inet4Address target) {
        this.mac = mac.clone();
        this.source = source.getAddress();
        this.target = target.getAddress();
    }

    /** Replies that came. Any thread. */
    long replies() {
        return replies.get();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        context.executor().scheduleAtFixedRate(() -> send(context), 0, INTERVAL_MS, TimeUnit.MILLISECONDS);
    }

    private void send(ChannelHandlerContext context) {
        if (!context.channel().isActive()) {
            return;
        }
        if (targetMac == null) {
            context.writeAndFlush(TransmitPacket.plain(0, request()));
            return;
        }
        byte[] echo = Frames.icmpEcho(ECHO_REQUEST, IDENTIFIER, sequence++ & 0xFFFF, new byte[32]);
        byte[] packet = Frames.ipv4(source, target, Frames.PROTOCOL_ICMP, echo);
        context.writeAndFlush(TransmitPacket.plain(0, Frames.ethernet(targetMac, mac, Frames.ETHERTYPE_IPV4, packet)));
    }

    private byte[] request() {
        return Frames.ethernet(BROADCAST, mac, Frames.ETHERTYPE_ARP, Frames.arpRequest(mac, source, target));
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ReceivedPacket packet) {
            byte[] frame = packet.frame();
            if (isAddress(frame)) {
                targetMac = Arrays.copyOfRange(frame, ARP_SENDER_MAC, ARP_SENDER_IP);
            } else if (isReply(frame)) {
                replies.incrementAndGet();
            }
        }
        context.fireChannelRead(message);
    }

    private boolean isAddress(byte[] frame) {
        return frame.length >= Frames.MAC_HEADER_BYTES + ARP_BYTES
                && u16(frame, ETHER_TYPE) == Frames.ETHERTYPE_ARP
                && u16(frame, ARP_OPERATION) == ARP_REPLY
                && holds(frame, ARP_SENDER_IP, target);
    }

    private boolean isReply(byte[] frame) {
        return frame.length >= ICMP + ICMP_BYTES
                && u16(frame, ETHER_TYPE) == Frames.ETHERTYPE_IPV4
                && frame[IPV4_PROTOCOL] == Frames.PROTOCOL_ICMP
                && holds(frame, IPV4_SOURCE, target)
                && frame[ICMP] == ECHO_REPLY
                && u16(frame, ICMP + 4) == IDENTIFIER;
    }

    private static int u16(byte[] frame, int at) {
        return (frame[at] & 0xFF) << 8 | frame[at + 1] & 0xFF;
    }

    private static boolean holds(byte[] frame, int at, byte[] expected) {
        return Arrays.equals(frame, at, at + expected.length, expected, 0, expected.length);
    }
}
