// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import java.util.Arrays;

/**
 * An IP packet of a host's sockets: no tags, no options, of the IPv6 extension headers the fragment header only. It is
 * for recognising what was sent; the hash rules have a dissector of their own.
 *
 * @param protocol of the transport header
 * @param transportAt where in the frame the transport header, or a later fragment's data, starts
 * @param end where in the frame the packet ends
 * @param fragmentOffset in bytes, 0 for the first fragment and for what is none
 * @param moreFragments whether other fragments follow
 */
record IpPacket(
        byte[] source,
        byte[] destination,
        int protocol,
        int transportAt,
        int end,
        int fragmentOffset,
        boolean moreFragments) {

    /** Null for anything else. */
    static IpPacket parse(byte[] frame) {
        if (frame.length < Frames.MAC_HEADER_BYTES) {
            return null;
        }
        return switch (u16(frame, 12)) {
            case Frames.ETHERTYPE_IPV4 -> parse4(frame);
            case Frames.ETHERTYPE_IPV6 -> parse6(frame);
            default -> null;
        };
    }

    private static IpPacket parse4(byte[] frame) {
        int at = Frames.MAC_HEADER_BYTES;
        if (frame.length < at + 20 || frame[at] != 0x45) {
            return null;
        }
        int end = at + u16(frame, at + 2);
        if (end < at + 20 || end > frame.length) {
            return null;
        }
        int fragment = u16(frame, at + 6);
        return new IpPacket(
                Arrays.copyOfRange(frame, at + 12, at + 16),
                Arrays.copyOfRange(frame, at + 16, at + 20),
                frame[at + 9] & 0xFF,
                at + 20,
                end,
                (fragment & 0x1FFF) * 8,
                (fragment & 0x2000) != 0);
    }

    private static IpPacket parse6(byte[] frame) {
        int at = Frames.MAC_HEADER_BYTES;
        if (frame.length < at + 40) {
            return null;
        }
        int protocol = frame[at + 6] & 0xFF;
        int transportAt = at + 40;
        int end = transportAt + u16(frame, at + 4);
        int fragment = 0;
        if (protocol == Frames.HEADER_FRAGMENT && end >= transportAt + 8 && end <= frame.length) {
            protocol = frame[transportAt] & 0xFF;
            fragment = u16(frame, transportAt + 2);
            transportAt += 8;
        }
        if (end > frame.length) {
            return null;
        }
        return new IpPacket(
                Arrays.copyOfRange(frame, at + 8, at + 24),
                Arrays.copyOfRange(frame, at + 24, at + 40),
                protocol,
                transportAt,
                end,
                fragment & 0xFFF8,
                (fragment & 1) != 0);
    }

    boolean whole() {
        return fragmentOffset == 0 && !moreFragments;
    }

    int transportBytes() {
        return end - transportAt;
    }

    static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
    }

    static int i32(byte[] bytes, int at) {
        return u16(bytes, at) << 16 | u16(bytes, at + 2);
    }
}
