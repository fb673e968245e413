// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.StringJoiner;

/**
 * Hash types that a device supports or a driver enables. VIRTIO 1.3, 5.1.6.4.3.1 Supported/enabled hash types. The three
 * {@code _EX} types apply to IPv6 packets with a home address or a type-2 routing address.
 */
public enum HashType {
    /** Source and destination address. */
    IPV4(0, HashReport.IPV4),
    /** Addresses and ports of TCP. */
    TCPV4(1, HashReport.TCPV4),
    /** Addresses and ports of UDP. */
    UDPV4(2, HashReport.UDPV4),
    /** Source and destination address. */
    IPV6(3, HashReport.IPV6),
    /** Addresses and ports of TCP. */
    TCPV6(4, HashReport.TCPV6),
    /** Addresses and ports of UDP. */
    UDPV6(5, HashReport.UDPV6),
    /** Addresses, from extension headers where they are there. */
    IP_EX(6, HashReport.IPV6_EX),
    /** As {@link #IP_EX}, and ports of TCP. */
    TCP_EX(7, HashReport.TCPV6_EX),
    /** As {@link #IP_EX}, and ports of UDP. */
    UDP_EX(8, HashReport.UDPV6_EX);

    /** Mask of all nine types. */
    public static final int ALL = 0x1FF;

    private final int mask;
    private final int report;

    HashType(int bit, int report) {
        this.mask = 1 << bit;
        this.report = report;
    }

    /** The bit {@code VIRTIO_NET_HASH_TYPE_*}. */
    public int mask() {
        return mask;
    }

    /** The {@link HashReport} value of a packet hashed by this type. */
    public int report() {
        return report;
    }

    /** Whether {@code types} has this type. */
    public boolean in(int types) {
        return (types & mask) != 0;
    }

    /** The names of a mask's types for people, for example {@code IPV4, TCPV4}. */
    public static String names(int types) {
        StringJoiner names = new StringJoiner(", ");
        for (HashType type : values()) {
            if (type.in(types)) {
                names.add(type.name());
            }
        }
        return names.toString();
    }
}
