// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import java.util.Arrays;

/**
 * What {@code docs/hash-rules.md} finds in a frame. Addresses are 4 or 16 bytes; those not found are {@code null}.
 *
 * @param family what the EtherType and a sound IP header say
 * @param transport the transport header, if there is one the hash may use
 * @param ports source and destination port, 4 bytes, {@code null} without a transport header
 * @param home home address option's address
 * @param routed type-2 routing header's address
 */
record Dissection(
        Family family,
        byte[] source,
        byte[] destination,
        Transport transport,
        byte[] ports,
        byte[] home,
        byte[] routed) {
    enum Family {
        NONE,
        IPV4,
        IPV6
    }

    enum Transport {
        NONE,
        TCP,
        UDP
    }

    private static final Dissection UNCLASSIFIED =
            new Dissection(Family.NONE, null, null, Transport.NONE, null, null, null);

    private static final int MAC_HEADER = 14;
    private static final int TCP_HEADER = 20;
    private static final int UDP_HEADER = 8;
    private static final int PROTOCOL_TCP = 6;
    private static final int PROTOCOL_UDP = 17;

    static Dissection of(byte[] frame) {
        if (frame.length < MAC_HEADER) {
            return UNCLASSIFIED;
        }
        int typeAt = 12;
        int tags = 0;
        while (isTag(u16(frame, typeAt))) {
            tags++;
            typeAt += 4;
            // Two tags are skipped, the third is not; and a tag that the frame ends in is no tag.
            if (tags > 2 || typeAt + 2 > frame.length) {
                return UNCLASSIFIED;
            }
        }
        return switch (u16(frame, typeAt)) {
            case 0x0800 -> ipv4(frame, typeAt + 2);
            case 0x86DD -> ipv6(frame, typeAt + 2);
            default -> UNCLASSIFIED;
        };
    }

    private static boolean isTag(int type) {
        return type == 0x8100 || type == 0x88A8;
    }

    private static Dissection ipv4(byte[] frame, int at) {
        if (frame.length < at + 20) {
            return UNCLASSIFIED;
        }
        int version = u8(frame, at) >> 4;
        int headerBytes = (u8(frame, at) & 0xF) * 4;
        if (version != 4 || headerBytes < 20 || frame.length < at + headerBytes) {
            return UNCLASSIFIED;
        }
        byte[] source = Arrays.copyOfRange(frame, at + 12, at + 16);
        byte[] destination = Arrays.copyOfRange(frame, at + 16, at + 20);
        int flagsAndOffset = u16(frame, at + 6);
        boolean moreFragments = (flagsAndOffset & 0x2000) != 0;
        boolean laterFragment = (flagsAndOffset & 0x1FFF) != 0;
        Transport transport =
                moreFragments || laterFragment ? Transport.NONE : transport(frame, at + headerBytes, u8(frame, at + 9));
        byte[] ports = transport == Transport.NONE ? null : ports(frame, at + headerBytes);
        return new Dissection(Family.IPV4, source, destination, transport, ports, null, null);
    }

    private static Dissection ipv6(byte[] frame, int at) {
        if (frame.length < at + 40 || u8(frame, at) >> 4 != 6) {
            return UNCLASSIFIED;
        }
        ExtensionWalk walk = new ExtensionWalk(frame);
        int transportAt = walk.from(at + 40, u8(frame, at + 6));
        Transport transport = Transport.NONE;
        byte[] ports = null;
        if (transportAt != ExtensionWalk.ENDED) {
            transport = transport(frame, transportAt, walk.next());
            ports = transport == Transport.NONE ? null : ports(frame, transportAt);
        }
        return new Dissection(
                Family.IPV6,
                Arrays.copyOfRange(frame, at + 8, at + 24),
                Arrays.copyOfRange(frame, at + 24, at + 40),
                transport,
                ports,
                walk.home(),
                walk.routed());
    }

    private static Transport transport(byte[] frame, int at, int protocol) {
        int left = frame.length - at;
        if (protocol == PROTOCOL_TCP && left >= TCP_HEADER) {
            return Transport.TCP;
        }
        if (protocol == PROTOCOL_UDP && left >= UDP_HEADER) {
            return Transport.UDP;
        }
        return Transport.NONE;
    }

    private static byte[] ports(byte[] frame, int at) {
        return Arrays.copyOfRange(frame, at, at + 4);
    }

    static int u8(byte[] bytes, int at) {
        return bytes[at] & 0xFF;
    }

    static int u16(byte[] bytes, int at) {
        return u8(bytes, at) << 8 | u8(bytes, at + 1);
    }
}
