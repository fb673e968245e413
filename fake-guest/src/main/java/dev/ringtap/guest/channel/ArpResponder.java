// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import static dev.ringtap.guest.channel.EthernetFrame.HEADER_BYTES;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.Inet4Address;
import java.util.Arrays;

/**
 * Answers ARP requests for one address, on the queue pair they came on; passes everything else on. RFC 826.
 *
 * <pre>
 *   0 hardware type 1   2 protocol type 0x0800   4 lengths 6, 4   6 operation
 *   8 sender MAC   14 sender IPv4   18 target MAC   24 target IPv4
 * </pre>
 */
public final class ArpResponder extends ChannelInboundHandlerAdapter {
    private static final int ARP = HEADER_BYTES;
    private static final int ARP_BYTES = 28;
    private static final int FIRST_WORDS = ARP;
    private static final byte[] ETHERNET_IPV4_REQUEST = {0, 1, 8, 0, 6, 4, 0, 1};
    private static final int OPERATION = ARP + 6;
    private static final int REPLY = 2;
    private static final int SENDER_MAC = ARP + 8;
    private static final int SENDER_IP = ARP + 14;
    private static final int TARGET_MAC = ARP + 18;
    private static final int TARGET_IP = ARP + 24;

    private final byte[] mac;
    private final byte[] address;

    public ArpResponder(byte[] mac, Inet4Address address) {
        this.mac = mac.clone();
        this.address = address.getAddress();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ReceivedPacket packet && isOurs(packet.frame())) {
            context.writeAndFlush(TransmitPacket.plain(packet.queue(), reply(packet.frame())));
        } else {
            context.fireChannelRead(message);
        }
    }

    private boolean isOurs(byte[] frame) {
        return EthernetFrame.is(frame, EthernetFrame.ETHER_TYPE_ARP, ARP_BYTES)
                && EthernetFrame.holds(frame, FIRST_WORDS, ETHERNET_IPV4_REQUEST)
                && EthernetFrame.holds(frame, TARGET_IP, address);
    }

    private byte[] reply(byte[] request) {
        byte[] frame = Arrays.copyOf(request, HEADER_BYTES + ARP_BYTES);
        EthernetFrame.turnRound(frame, mac);
        EthernetFrame.put16(frame, OPERATION, REPLY);
        // Sender becomes target; the two fields lie side by side.
        System.arraycopy(request, SENDER_MAC, frame, TARGET_MAC, TARGET_IP + 4 - TARGET_MAC);
        EthernetFrame.put(frame, SENDER_MAC, mac);
        EthernetFrame.put(frame, SENDER_IP, address);
        return frame;
    }
}
