// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/**
 * Values of {@code hash_report} in the packet header: which hash a received packet carries. VIRTIO 1.3, 5.1.6.4.5 Hash
 * reporting for incoming packets. Names drop {@code VIRTIO_NET_HASH_REPORT_}.
 */
public final class HashReport {
    /** No hash; {@code hash_value} means nothing. */
    public static final int NONE = 0;

    /** Addresses of an IPv4 packet. */
    public static final int IPV4 = 1;

    /** Addresses and ports, TCP over IPv4. */
    public static final int TCPV4 = 2;

    /** Addresses and ports, UDP over IPv4. */
    public static final int UDPV4 = 3;

    /** Addresses of an IPv6 packet. */
    public static final int IPV6 = 4;

    /** Addresses and ports, TCP over IPv6. */
    public static final int TCPV6 = 5;

    /** Addresses and ports, UDP over IPv6. */
    public static final int UDPV6 = 6;

    /** Addresses of an IPv6 packet, taken from extension headers where they are there. */
    public static final int IPV6_EX = 7;

    /** As {@link #IPV6_EX}, and TCP ports. */
    public static final int TCPV6_EX = 8;

    /** As {@link #IPV6_EX}, and UDP ports. */
    public static final int UDPV6_EX = 9;

    private static final String[] NAMES = {
        "NONE", "IPv4", "TCPv4", "UDPv4", "IPv6", "TCPv6", "UDPv6", "IPv6_EX", "TCPv6_EX", "UDPv6_EX"
    };

    private static final int WITH_PORTS =
            1 << TCPV4 | 1 << UDPV4 | 1 << TCPV6 | 1 << UDPV6 | 1 << TCPV6_EX | 1 << UDPV6_EX;

    private HashReport() {}

    /** Whether a hash of this kind covers the ports. False for {@link #NONE} and unknown values. */
    public static boolean hasPorts(int report) {
        return report >= NONE && report <= UDPV6_EX && (WITH_PORTS >>> report & 1) != 0;
    }

    /** The specification's name without its prefix, e.g. {@code TCPv6_EX}; unknown values as their number. */
    public static String name(int report) {
        return report >= NONE && report <= UDPV6_EX ? NAMES[report] : Integer.toString(report);
    }
}
