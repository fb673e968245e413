// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;

/**
 * Whether the header of a received packet tells the truth about its checksum and its size. VIRTIO 1.3, 5.1.6.4
 * Processing of Incoming Packets.
 */
final class OffloadCheck {
    private static final int KNOWN_FLAGS = 3;
    private static final int NEEDS_CSUM = TransmitPacket.NEEDS_CSUM;

    private OffloadCheck() {}

    /** What is wrong with a packet of a host's socket, null if nothing is. */
    static String problem(ReceivedPacket received, IpPacket ip, int mtu) {
        byte[] frame = received.frame();
        int gso = received.gsoType() & ~TransmitPacket.GSO_ECN;
        boolean partial = (received.flags() & NEEDS_CSUM) != 0;
        if ((received.flags() & ~KNOWN_FLAGS) != 0) {
            return "unknown flags 0x" + Integer.toHexString(received.flags());
        }
        if (gso != TransmitPacket.GSO_NONE) {
            boolean fits = gso == (ip.source().length == 4 ? TransmitPacket.GSO_TCPV4 : TransmitPacket.GSO_TCPV6)
                    && ip.protocol() == Frames.PROTOCOL_TCP;
            if (!fits || !partial || received.gsoSize() == 0) {
                return "gso_type " + received.gsoType() + " with gso_size " + received.gsoSize() + " and flags "
                        + received.flags() + " on a packet of protocol " + ip.protocol();
            }
        } else if (frame.length > mtu + Frames.MAC_HEADER_BYTES) {
            return frame.length + " bytes without segmentation, where the MTU is " + mtu;
        }
        int checksumAt = ip.whole() ? checksumOffset(ip.protocol()) : -1;
        if (partial) {
            if (checksumAt < 0 || received.csumStart() != ip.transportAt() || received.csumOffset() != checksumAt) {
                return "checksum asked for at " + received.csumStart() + "+" + received.csumOffset()
                        + ", the transport header is at " + ip.transportAt();
            }
            int held = IpPacket.u16(frame, ip.transportAt() + checksumAt);
            int due = Checksums.pseudoHeader(ip.source(), ip.destination(), ip.protocol(), ip.transportBytes());
            return held == due
                    ? null
                    : "partial checksum 0x%04x where the pseudo-header's sum is 0x%04x".formatted(held, due);
        }
        return checksumAt < 0 || sumsUp(frame, ip) ? null : "wrong transport checksum";
    }

    private static int checksumOffset(int protocol) {
        return switch (protocol) {
            case Frames.PROTOCOL_TCP -> 16;
            case Frames.PROTOCOL_UDP -> 6;
            case Frames.PROTOCOL_ICMP, Frames.PROTOCOL_ICMPV6 -> 2;
            default -> -1;
        };
    }

    /** A sum over a packet with a right checksum in it is all ones, so its complement is 0. */
    private static boolean sumsUp(byte[] frame, IpPacket ip) {
        int bytes = ip.transportBytes();
        int sum = ip.protocol() == Frames.PROTOCOL_ICMP
                ? Checksums.of(frame, ip.transportAt(), bytes)
                : Checksums.transport(ip.source(), ip.destination(), ip.protocol(), frame, ip.transportAt(), bytes);
        return sum == 0;
    }
}
