// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import static dev.ringtap.guest.channel.EthernetFrame.HEADER_BYTES;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.Inet6Address;
import java.util.Arrays;

/**
 * Answers IPv6 neighbour solicitations for one address, on the queue pair they came on; passes everything else on.
 * RFC 4861, 4.3 and 4.4: {@code type; code; checksum; flags; target[16]; options}.
 */
public final class NdpResponder extends ChannelInboundHandlerAdapter {
    private static final int IPV6 = HEADER_BYTES;
    private static final int IPV6_BYTES = 40;
    private static final int PAYLOAD_LENGTH = IPV6 + 4;
    private static final int NEXT_HEADER = IPV6 + 6;
    private static final int HOP_LIMIT = IPV6 + 7;
    private static final int SOURCE = IPV6 + 8;
    private static final int DESTINATION = IPV6 + 24;
    private static final int ICMP = IPV6 + IPV6_BYTES;
    private static final int CHECKSUM = ICMP + 2;
    private static final int FLAGS = ICMP + 4;
    private static final int TARGET = ICMP + 8;
    private static final int OPTION = ICMP + 24;

    private static final int ICMPV6 = 58;
    private static final int SOLICITATION = 135;
    private static final int ADVERTISEMENT = 136;
    private static final int SOLICITATION_BYTES = 24;
    private static final int ADVERTISEMENT_BYTES = 32;

    /** A hop limit that no router leaves: the sender is on this link (RFC 4861, 7.1.1). */
    private static final int ON_LINK = 255;

    private static final int SOLICITED = 0x40;
    private static final int OVERRIDE = 0x20;
    private static final byte[] UNSPECIFIED = new byte[16];
    /** ff02::1, and the MAC address that goes with it. */
    private static final byte[] ALL_NODES = {(byte) 0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    private static final byte[] ALL_NODES_MAC = {0x33, 0x33, 0, 0, 0, 1};

    private final byte[] mac;
    private final byte[] address;

    public NdpResponder(byte[] mac, Inet6Address address) {
        this.mac = mac.clone();
        this.address = address.getAddress();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ReceivedPacket packet && isOurs(packet.frame())) {
            context.writeAndFlush(TransmitPacket.plain(packet.queue(), advertisement(packet.frame())));
        } else {
            context.fireChannelRead(message);
        }
    }

    private boolean isOurs(byte[] frame) {
        if (!EthernetFrame.is(frame, EthernetFrame.ETHER_TYPE_IPV6, IPV6_BYTES + SOLICITATION_BYTES)) {
            return false;
        }
        int length = EthernetFrame.u16(frame, PAYLOAD_LENGTH);
        return EthernetFrame.u8(frame, NEXT_HEADER) == ICMPV6
                && EthernetFrame.u8(frame, ICMP) == SOLICITATION
                && EthernetFrame.u8(frame, HOP_LIMIT) == ON_LINK
                && EthernetFrame.holds(frame, TARGET, address)
                && length >= SOLICITATION_BYTES
                && length <= frame.length - ICMP
                // The stored checksum takes part, so a right one leaves 0.
                && InternetChecksum.ofIpv6(frame, IPV6, ICMPV6, ICMP, length) == 0;
    }

    private byte[] advertisement(byte[] solicitation) {
        byte[] frame = Arrays.copyOf(solicitation, ICMP + ADVERTISEMENT_BYTES);
        EthernetFrame.turnRound(frame, mac);
        EthernetFrame.put16(frame, PAYLOAD_LENGTH, ADVERTISEMENT_BYTES);
        // Somebody who asks without an address (duplicate address detection) is told through all nodes.
        boolean anonymous = EthernetFrame.holds(solicitation, SOURCE, UNSPECIFIED);
        if (anonymous) {
            EthernetFrame.put(frame, EthernetFrame.DESTINATION, ALL_NODES_MAC);
            EthernetFrame.put(frame, DESTINATION, ALL_NODES);
        } else {
            System.arraycopy(solicitation, SOURCE, frame, DESTINATION, 16);
        }
        EthernetFrame.put(frame, SOURCE, address);
        frame[ICMP] = (byte) ADVERTISEMENT;
        frame[ICMP + 1] = 0;
        frame[FLAGS] = (byte) (anonymous ? OVERRIDE : SOLICITED | OVERRIDE);
        frame[FLAGS + 1] = frame[FLAGS + 2] = frame[FLAGS + 3] = 0;
        // Option 2, target link-layer address, in units of 8 bytes.
        frame[OPTION] = 2;
        frame[OPTION + 1] = 1;
        EthernetFrame.put(frame, OPTION + 2, mac);
        EthernetFrame.put16(frame, CHECKSUM, 0);
        int checksum = InternetChecksum.ofIpv6(frame, IPV6, ICMPV6, ICMP, ADVERTISEMENT_BYTES);
        EthernetFrame.put16(frame, CHECKSUM, checksum);
        return frame;
    }
}
