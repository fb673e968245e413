// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Finds in a frame what the enabled hash types cover and hashes it. VIRTIO 1.3, 5.1.6.4.3 Hash calculation for incoming
 * packets, with the edges closed as in {@code docs/hash-rules.md}.
 *
 * <p>One thread at a time. Allocates nothing. The frame may lie in memory that a guest writes meanwhile: every field is
 * read once, and no value read can lead outside the frame.
 */
public final class PacketHasher {
    private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong BE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int ETHER_TYPE = 12;
    private static final int VLAN_TAG_BYTES = 4;
    private static final int MAX_VLAN_TAGS = 2;
    private static final int TPID_CUSTOMER = 0x8100;
    private static final int TPID_SERVICE = 0x88A8;
    private static final int ETHER_IPV4 = 0x0800;
    private static final int ETHER_IPV6 = 0x86DD;

    private static final int IPV4_BYTES = 20;
    private static final int IPV4_FRAGMENT = 6;
    private static final int IPV4_PROTOCOL = 9;
    private static final int IPV4_ADDRESSES = 12;
    /** More fragments, and the offset's 13 bits. */
    private static final int IPV4_FRAGMENT_MASK = 0x3FFF;

    private static final int IPV6_BYTES = 40;
    private static final int IPV6_NEXT_HEADER = 6;
    private static final int IPV6_SOURCE = 8;
    private static final int IPV6_DESTINATION = 24;

    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int TCP_BYTES = 20;
    private static final int UDP_BYTES = 8;

    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int AUTHENTICATION = 51;
    private static final int DESTINATION_OPTIONS = 60;

    private static final int MAX_EXTENSION_HEADERS = 12;
    private static final int MAX_OPTIONS = 32;
    private static final int FRAGMENT_BYTES = 8;
    private static final int FRAGMENT_OFFSET = 2;
    /** The offset's 13 bits and M; the two between them are reserved. */
    private static final int FRAGMENT_MASK = 0xFFF9;

    private static final int ROUTING_TYPE = 2;
    private static final int MOBILE_ROUTING = 2;
    private static final int ROUTING_ADDRESS = 8;
    private static final int PAD1 = 0;
    private static final int HOME_ADDRESS = 0xC9;
    private static final int IPV6_ADDRESS_BYTES = 16;

    private static final int NOWHERE = -1;

    /** IPv6 types that depend on what follows the fixed header. */
    private static final int NEEDS_WALK = HashType.TCPV6.mask()
            | HashType.UDPV6.mask()
            | HashType.IP_EX.mask()
            | HashType.TCP_EX.mask()
            | HashType.UDP_EX.mask();

    private final int[] table;
    private final int enabledTypes;
    private int value;
    private int report;

    // Results of walk().
    private int transport;
    private long transportAt;
    private long homeAddressAt;
    private long routingAddressAt;
    private int optionsSeen;

    /**
     * @param toeplitz the hash under the driver's key
     * @param enabledTypes mask of {@link HashType}s
     */
    public PacketHasher(Toeplitz toeplitz, int enabledTypes) {
        this.table = toeplitz.sharedTable();
        this.enabledTypes = enabledTypes;
    }

    /**
     * Hashes one frame; the answer is in {@link #value} and {@link #report} until the next call.
     *
     * @param frame memory with the frame
     * @param offset of its destination MAC address
     * @param lengthBytes of the frame; with {@code offset} inside {@code frame}
     */
    public void hash(MemorySegment frame, long offset, long lengthBytes) {
        value = 0;
        report = HashReport.NONE;
        if (lengthBytes < NetHeader.MIN_FRAME_BYTES) {
            return;
        }
        long end = offset + lengthBytes;
        long at = offset + ETHER_TYPE;
        int etherType = u16(frame, at);
        for (int tags = 0; tags < MAX_VLAN_TAGS && (etherType == TPID_CUSTOMER || etherType == TPID_SERVICE); tags++) {
            at += VLAN_TAG_BYTES;
            if (at + 2 > end) {
                return;
            }
            etherType = u16(frame, at);
        }
        at += 2;
        // A third tag is neither of these.
        if (etherType == ETHER_IPV4) {
            hashIpv4(frame, at, end);
        } else if (etherType == ETHER_IPV6) {
            hashIpv6(frame, at, end);
        }
    }

    /** The hash, or 0 if there is none. */
    public int value() {
        return value;
    }

    /** The {@link HashReport} of the last frame; {@link HashReport#NONE} for an unclassified one. */
    public int report() {
        return report;
    }

    private void hashIpv4(MemorySegment frame, long ip, long end) {
        if (end - ip < IPV4_BYTES) {
            return;
        }
        int first = u8(frame, ip);
        long payload = ip + ((first & 0xF) << 2);
        if (first >>> 4 != 4 || payload - ip < IPV4_BYTES || payload > end) {
            return;
        }
        HashType type = HashType.IPV4;
        if ((u16(frame, ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK) == 0) {
            int protocol = u8(frame, ip + IPV4_PROTOCOL);
            if (protocol == TCP && end - payload >= TCP_BYTES && HashType.TCPV4.in(enabledTypes)) {
                type = HashType.TCPV4;
            } else if (protocol == UDP && end - payload >= UDP_BYTES && HashType.UDPV4.in(enabledTypes)) {
                type = HashType.UDPV4;
            }
        }
        if (!type.in(enabledTypes)) {
            return;
        }
        int hash = hash64(frame.get(BE64, ip + IPV4_ADDRESSES), 0);
        value = type == HashType.IPV4 ? hash : hash ^ hash32(frame.get(BE32, payload), 8);
        report = type.report();
    }

    private void hashIpv6(MemorySegment frame, long ip, long end) {
        if (end - ip < IPV6_BYTES || u8(frame, ip) >>> 4 != 6) {
            return;
        }
        long source = ip + IPV6_SOURCE;
        long destination = ip + IPV6_DESTINATION;
        HashType type = HashType.IPV6;
        if ((enabledTypes & NEEDS_WALK) != 0) {
            walk(frame, ip, end);
            HashType extended = pick(HashType.TCP_EX, HashType.UDP_EX, HashType.IP_EX);
            if (extended.in(enabledTypes) && (homeAddressAt != NOWHERE || routingAddressAt != NOWHERE)) {
                type = extended;
                source = homeAddressAt != NOWHERE ? homeAddressAt : source;
                destination = routingAddressAt != NOWHERE ? routingAddressAt : destination;
            } else {
                type = pick(HashType.TCPV6, HashType.UDPV6, HashType.IPV6);
            }
        }
        if (!type.in(enabledTypes)) {
            return;
        }
        int hash = hash64(frame.get(BE64, source), 0)
                ^ hash64(frame.get(BE64, source + 8), 8)
                ^ hash64(frame.get(BE64, destination), 16)
                ^ hash64(frame.get(BE64, destination + 8), 24);
        value = HashReport.hasPorts(type.report()) ? hash ^ hash32(frame.get(BE32, transportAt), 32) : hash;
        report = type.report();
    }

    /** The highest-ranking of three types that is enabled and has its header; the last needs none and may be disabled. */
    private HashType pick(HashType tcp, HashType udp, HashType ip) {
        if (transport == TCP && tcp.in(enabledTypes)) {
            return tcp;
        }
        return transport == UDP && udp.in(enabledTypes) ? udp : ip;
    }

    /** Walks the extension headers: transport header, home address, type-2 routing address. */
    private void walk(MemorySegment frame, long ip, long end) {
        transport = NOWHERE;
        homeAddressAt = NOWHERE;
        routingAddressAt = NOWHERE;
        optionsSeen = 0;
        long at = ip + IPV6_BYTES;
        int next = u8(frame, ip + IPV6_NEXT_HEADER);
        for (int headers = 0; isExtension(next); headers++) {
            if (headers == MAX_EXTENSION_HEADERS || end - at < 8) {
                return;
            }
            int following = u8(frame, at);
            long bytes;
            if (next == FRAGMENT) {
                // An atomic fragment (RFC 6946) is a whole packet.
                if ((u16(frame, at + FRAGMENT_OFFSET) & FRAGMENT_MASK) != 0) {
                    return;
                }
                bytes = FRAGMENT_BYTES;
            } else {
                int length = u8(frame, at + 1);
                bytes = next == AUTHENTICATION ? length + 2L << 2 : length + 1L << 3;
                if (bytes > end - at) {
                    return;
                }
                if (next == DESTINATION_OPTIONS) {
                    findHomeAddress(frame, at + 2, at + bytes);
                } else if (next == ROUTING
                        && routingAddressAt == NOWHERE
                        && bytes >= ROUTING_ADDRESS + IPV6_ADDRESS_BYTES
                        && u8(frame, at + ROUTING_TYPE) == MOBILE_ROUTING) {
                    routingAddressAt = at + ROUTING_ADDRESS;
                }
            }
            at += bytes;
            next = following;
        }
        if (next == TCP && end - at >= TCP_BYTES || next == UDP && end - at >= UDP_BYTES) {
            transport = next;
            transportAt = at;
        }
    }

    private static boolean isExtension(int header) {
        return switch (header) {
            case HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS -> true;
            default -> false;
        };
    }

    private void findHomeAddress(MemorySegment frame, long from, long end) {
        long at = from;
        while (homeAddressAt == NOWHERE && at < end && optionsSeen < MAX_OPTIONS) {
            optionsSeen++;
            int type = u8(frame, at);
            if (type == PAD1) {
                at++;
                continue;
            }
            if (end - at < 2) {
                return;
            }
            int length = u8(frame, at + 1);
            long data = at + 2;
            if (length > end - data) {
                return;
            }
            if (type == HOME_ADDRESS && length == IPV6_ADDRESS_BYTES) {
                homeAddressAt = data;
            }
            at = data + length;
        }
    }

    /** Contribution of eight input bytes of which the first is byte {@code index} of the input. */
    private int hash64(long bytes, int index) {
        return hash32((int) (bytes >>> 32), index) ^ hash32((int) bytes, index + 4);
    }

    private int hash32(int bytes, int index) {
        int row = index << 8;
        return table[row | bytes >>> 24]
                ^ table[row + 256 | bytes >>> 16 & 0xFF]
                ^ table[row + 512 | bytes >>> 8 & 0xFF]
                ^ table[row + 768 | bytes & 0xFF];
    }

    private static int u8(MemorySegment frame, long at) {
        return frame.get(U8, at) & 0xFF;
    }

    private static int u16(MemorySegment frame, long at) {
        return Short.toUnsignedInt(frame.get(BE16, at));
    }
}
