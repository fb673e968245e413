// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Checksums;
import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Set;

/** What a host says to those who look for the MAC address of its addresses: ARP, RFC 826, and RFC 4861, 4.3 and 4.4. */
final class NeighbourAnswers {
    private static final int ARP = Frames.MAC_HEADER_BYTES;
    private static final int ARP_BYTES = 28;
    /** Ethernet, IPv4, their address lengths, request. */
    private static final byte[] ARP_REQUEST = {0, 1, 8, 0, 6, 4, 0, 1};

    private static final byte[] ARP_REPLY = {0, 1, 8, 0, 6, 4, 0, 2};
    private static final int SENDER = ARP + 8;
    private static final int TARGET_ADDRESS = ARP + 24;

    private static final int SOLICITATION = 135;
    private static final int ADVERTISEMENT = 136;
    private static final int SOLICITATION_BYTES = 24;
    private static final int ADVERTISEMENT_BYTES = 32;
    private static final int HOP_LIMIT = Frames.MAC_HEADER_BYTES + 7;
    /** A hop limit that no router leaves: the sender is on this link. */
    private static final int ON_LINK = 255;

    private static final int SOLICITED = 0x40;
    private static final int OVERRIDE = 0x20;
    private static final byte[] UNSPECIFIED = new byte[16];
    /** ff02::1, and the MAC address that goes with it. */
    private static final byte[] ALL_NODES = {(byte) 0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    private static final byte[] ALL_NODES_MAC = {0x33, 0x33, 0, 0, 0, 1};

    private final byte[] mac;
    private final Set<InetAddress> addresses;

    NeighbourAnswers(byte[] mac, Set<InetAddress> addresses) {
        this.mac = mac;
        this.addresses = addresses;
    }

    /** The reply to an ARP request for one of the addresses, null if the frame is none. */
    byte[] arpReply(byte[] frame) {
        boolean request = frame.length >= ARP + ARP_BYTES
                && IpView.u16(frame, ARP - 2) == Frames.ETHERTYPE_ARP
                && Arrays.equals(frame, ARP, SENDER, ARP_REQUEST, 0, ARP_REQUEST.length);
        if (!request || !isOurs(Arrays.copyOfRange(frame, TARGET_ADDRESS, TARGET_ADDRESS + 4))) {
            return null;
        }
        ByteBuffer reply = ByteBuffer.allocate(ARP_BYTES);
        reply.put(ARP_REPLY).put(mac).put(frame, TARGET_ADDRESS, 4).put(frame, SENDER, 10);
        byte[] asker = Arrays.copyOfRange(frame, SENDER, SENDER + 6);
        return Frames.ethernet(asker, mac, Frames.ETHERTYPE_ARP, reply.array());
    }

    /** The advertisement for a solicitation of one of the addresses, null if the packet is none. */
    byte[] advertisement(IpView ip) {
        int at = ip.transportAt();
        boolean solicitation = ip.protocol() == Frames.PROTOCOL_ICMPV6
                && ip.six()
                && ip.transportBytes() >= SOLICITATION_BYTES
                && (ip.frame()[at] & 0xFF) == SOLICITATION
                && (ip.frame()[HOP_LIMIT] & 0xFF) == ON_LINK;
        if (!solicitation) {
            return null;
        }
        byte[] target = Arrays.copyOfRange(ip.frame(), at + 8, at + SOLICITATION_BYTES);
        if (!isOurs(target)) {
            return null;
        }
        // Who asks without an address (duplicate address detection) is told through all nodes.
        boolean anonymous = Arrays.equals(ip.source(), UNSPECIFIED);
        byte[] destination = anonymous ? ALL_NODES : ip.source();
        ByteBuffer message = ByteBuffer.allocate(ADVERTISEMENT_BYTES);
        message.put((byte) ADVERTISEMENT).put((byte) 0).putShort((short) 0);
        message.put((byte) (anonymous ? OVERRIDE : SOLICITED | OVERRIDE));
        // Option 2 is the target's link-layer address; lengths are in units of 8 bytes.
        message.position(8).put(target).put((byte) 2).put((byte) 1).put(mac);
        int sum = Checksums.transport(
                target, destination, Frames.PROTOCOL_ICMPV6, message.array(), 0, ADVERTISEMENT_BYTES);
        message.putShort(2, (short) sum);
        byte[] packet = Frames.ipv6(target, destination, Frames.PROTOCOL_ICMPV6, message.array());
        packet[HOP_LIMIT - Frames.MAC_HEADER_BYTES] = (byte) ON_LINK;
        return Frames.ethernet(anonymous ? ALL_NODES_MAC : ip.sourceMac(), mac, Frames.ETHERTYPE_IPV6, packet);
    }

    private boolean isOurs(byte[] address) {
        try {
            return addresses.contains(InetAddress.getByAddress(address));
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of " + address.length + " bytes", e);
        }
    }
}
