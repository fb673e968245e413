// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Checksums;
import dev.ringtap.guest.traffic.Frames;

/** Whether an arriving packet may be handed to a socket: its checksum, or the promise that nothing was lost. */
final class ArrivalCheck {
    private static final int UDP_CHECKSUM_OFFSET = 6;
    private static final int TCP_CHECKSUM_OFFSET = 16;
    private static final int ICMP_CHECKSUM_OFFSET = 2;

    private ArrivalCheck() {}

    /** What is wrong, null if nothing is. */
    static String problem(HostFrame frame, IpView ip) {
        int gsoType = frame.gsoType() & ~HostFrame.GSO_ECN;
        boolean partial = (frame.flags() & HostFrame.NEEDS_CSUM) != 0;
        if (gsoType != HostFrame.GSO_NONE && (!partial || frame.segmentBytes() == 0 || gsoType != dueType(ip))) {
            return "gso_type %d with gso_size %d and flags %d on a packet of protocol %d"
                    .formatted(frame.gsoType(), frame.segmentBytes(), frame.flags(), ip.protocol());
        }
        int checksumOffset = checksumOffset(ip.protocol());
        if (checksumOffset < 0) {
            return null;
        }
        if (ip.transportBytes() < checksumOffset + 2) {
            return "a transport header cut short";
        }
        return partial ? partialProblem(frame, ip, checksumOffset) : wholeProblem(ip);
    }

    private static int dueType(IpView ip) {
        return switch (ip.protocol()) {
            case Frames.PROTOCOL_TCP -> ip.six() ? HostFrame.GSO_TCPV6 : HostFrame.GSO_TCPV4;
            case Frames.PROTOCOL_UDP -> HostFrame.GSO_UDP_L4;
            default -> HostFrame.GSO_NONE;
        };
    }

    private static int checksumOffset(int protocol) {
        return switch (protocol) {
            case Frames.PROTOCOL_TCP -> TCP_CHECKSUM_OFFSET;
            case Frames.PROTOCOL_UDP -> UDP_CHECKSUM_OFFSET;
            case Frames.PROTOCOL_ICMP, Frames.PROTOCOL_ICMPV6 -> ICMP_CHECKSUM_OFFSET;
            default -> -1;
        };
    }

    private static String partialProblem(HostFrame frame, IpView ip, int checksumOffset) {
        if (frame.checksumStart() != ip.transportAt() || frame.checksumOffset() != checksumOffset) {
            return "the checksum is asked for at %d+%d, the transport header is at %d"
                    .formatted(frame.checksumStart(), frame.checksumOffset(), ip.transportAt());
        }
        int held = IpView.u16(ip.frame(), ip.transportAt() + checksumOffset);
        int due = Checksums.pseudoHeader(ip.source(), ip.destination(), ip.protocol(), ip.transportBytes());
        return held == due ? null : "partial checksum 0x%04x instead of 0x%04x".formatted(held, due);
    }

    /** A sum over a packet with a right checksum in it is all ones, so its complement is 0. */
    private static String wholeProblem(IpView ip) {
        int bytes = ip.transportBytes();
        boolean none = ip.protocol() == Frames.PROTOCOL_UDP
                && !ip.six()
                && IpView.u16(ip.frame(), ip.transportAt() + UDP_CHECKSUM_OFFSET) == 0;
        int sum = ip.protocol() == Frames.PROTOCOL_ICMP
                ? Checksums.of(ip.frame(), ip.transportAt(), bytes)
                : Checksums.transport(
                        ip.source(), ip.destination(), ip.protocol(), ip.frame(), ip.transportAt(), bytes);
        return none || sum == 0 ? null : "wrong transport checksum";
    }
}
