// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.util.Arrays;

/**
 * docs/hash-rules.md once more, for tests: read off that page, not off the program, and written to be compared with the
 * page. Slow, allocates, hashes bit by bit.
 */
final class ReferenceHash {
    static final int IPV4 = 1;
    static final int TCPV4 = 2;
    static final int UDPV4 = 4;
    static final int IPV6 = 8;
    static final int TCPV6 = 16;
    static final int UDPV6 = 32;
    static final int IP_EX = 64;
    static final int TCP_EX = 128;
    static final int UDP_EX = 256;
    static final int ALL = 511;

    /** The chosen type and the bytes that go into the hash. */
    record Answer(int type, byte[] input) {}

    private enum Transport {
        NONE,
        TCP,
        UDP
    }

    private final byte[] frame;
    private final int types;

    private byte[] home;
    private byte[] routing;

    private ReferenceHash(byte[] frame, int types) {
        this.frame = frame;
        this.types = types;
    }

    /**
     * @param tagBeside whether the kernel carries a VLAN tag beside the frame
     * @return null if the packet is unclassified
     */
    static Answer of(byte[] frame, boolean tagBeside, int types) {
        return new ReferenceHash(frame, types).classify(tagBeside);
    }

    private Answer classify(boolean tagBeside) {
        if (!has(0, 14)) return null;
        int at = 12;
        int tags = tagBeside ? 1 : 0;
        while (u16(at) == 0x8100 || u16(at) == 0x88A8) {
            tags++;
            at += 4;
            if (tags > 2 || !has(at, 2)) return null;
        }
        return switch (u16(at)) {
            case 0x0800 -> ipv4(at + 2);
            case 0x86DD -> ipv6(at + 2);
            default -> null;
        };
    }

    private Answer ipv4(int at) {
        if (!has(at, 20) || u8(at) >> 4 != 4) return null;
        int headerBytes = (u8(at) & 15) * 4;
        if (headerBytes < 20 || !has(at, headerBytes)) return null;
        boolean moreFragments = (u8(at + 6) & 0x20) != 0;
        int fragmentOffset = u16(at + 6) & 0x1FFF;
        var transport = moreFragments || fragmentOffset != 0 ? Transport.NONE : transport(u8(at + 9), at + headerBytes);
        byte[] addresses = Arrays.copyOfRange(frame, at + 12, at + 20);
        return plain(transport, addresses, at + headerBytes, TCPV4, UDPV4, IPV4);
    }

    private Answer ipv6(int at) {
        if (!has(at, 40) || u8(at) >> 4 != 6) return null;
        byte[] source = Arrays.copyOfRange(frame, at + 8, at + 24);
        byte[] destination = Arrays.copyOfRange(frame, at + 24, at + 40);

        int next = u8(at + 6);
        int header = at + 40;
        int headers = 0;
        int options = 0;
        boolean ended = false;
        while (!ended && (next == 0 || next == 43 || next == 60 || next == 44 || next == 51)) {
            if (++headers > 12 || !has(header, 2)) {
                ended = true;
                break;
            }
            int bytes = switch (next) {
                case 44 -> 8;
                case 51 -> (u8(header + 1) + 2) * 4;
                default -> (u8(header + 1) + 1) * 8;
            };
            if (!has(header, bytes)) {
                ended = true;
                break;
            }
            switch (next) {
                case 44 -> {
                    int offset = u16(header + 2) >> 3;
                    int more = u16(header + 2) & 1;
                    ended = offset != 0 || more != 0;
                }
                case 43 -> {
                    if (routing == null && u8(header + 2) == 2 && u8(header + 1) >= 2)
                        routing = Arrays.copyOfRange(frame, header + 8, header + 24);
                }
                case 60 -> options = searchHomeAddress(header + 2, header + bytes, options);
                default -> {}
            }
            next = u8(header);
            header += bytes;
        }
        var transport = ended ? Transport.NONE : transport(next, header);

        if (home != null || routing != null) {
            byte[] addresses = Frames.join(home != null ? home : source, routing != null ? routing : destination);
            var extended = plain(transport, addresses, header, TCP_EX, UDP_EX, IP_EX);
            if (extended != null) return extended;
        }
        return plain(transport, Frames.join(source, destination), header, TCPV6, UDPV6, IPV6);
    }

    /** @return how many options have been looked at in the packet so far */
    private int searchHomeAddress(int from, int end, int lookedAt) {
        int at = from;
        while (at < end && home == null && lookedAt < 32) {
            lookedAt++;
            if (u8(at) == 0) {
                at++;
                continue;
            }
            if (at + 1 >= end || at + 2 + u8(at + 1) > end) break;
            if (u8(at) == 0xC9 && u8(at + 1) == 16) home = Arrays.copyOfRange(frame, at + 2, at + 18);
            at += 2 + u8(at + 1);
        }
        return lookedAt;
    }

    private Transport transport(int protocol, int at) {
        if (protocol == 6 && has(at, 20)) return Transport.TCP;
        if (protocol == 17 && has(at, 8)) return Transport.UDP;
        return Transport.NONE;
    }

    private Answer plain(Transport transport, byte[] addresses, int transportAt, int tcp, int udp, int ip) {
        if (transport == Transport.TCP && (types & tcp) != 0) return withPorts(tcp, addresses, transportAt);
        if (transport == Transport.UDP && (types & udp) != 0) return withPorts(udp, addresses, transportAt);
        return (types & ip) != 0 ? new Answer(ip, addresses) : null;
    }

    private Answer withPorts(int type, byte[] addresses, int at) {
        return new Answer(type, Frames.join(addresses, Arrays.copyOfRange(frame, at, at + 4)));
    }

    private boolean has(int at, int bytes) {
        return at + bytes <= frame.length;
    }

    private int u8(int at) {
        return frame[at] & 0xFF;
    }

    private int u16(int at) {
        return u8(at) << 8 | u8(at + 1);
    }
}
