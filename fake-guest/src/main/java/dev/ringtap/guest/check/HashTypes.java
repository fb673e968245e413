// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import java.util.ArrayList;
import java.util.List;

/**
 * Hash types and hash reports as the driver knows them. VIRTIO 1.3, 5.1.6.4.3.1 Supported/enabled hash types and
 * 5.1.6.4.5 Hash reporting for incoming packets: {@code type = 1 << (report - 1)}.
 */
public final class HashTypes {
    public static final int IPV4 = 1;
    public static final int TCPV4 = 1 << 1;
    public static final int UDPV4 = 1 << 2;
    public static final int IPV6 = 1 << 3;
    public static final int TCPV6 = 1 << 4;
    public static final int UDPV6 = 1 << 5;
    public static final int IP_EX = 1 << 6;
    public static final int TCP_EX = 1 << 7;
    public static final int UDP_EX = 1 << 8;
    /** All nine. */
    public static final int ALL = (1 << 9) - 1;

    /** {@code hash_report} of a packet without a hash. */
    public static final int REPORT_NONE = 0;
    /** The highest {@code hash_report} there is. */
    public static final int REPORT_LAST = 9;

    private static final String[] NAMES = {
        "none", "IPv4", "TCPv4", "UDPv4", "IPv6", "TCPv6", "UDPv6", "IPv6_EX", "TCPv6_EX", "UDPv6_EX"
    };

    private HashTypes() {}

    /** The {@code hash_report} of one hash type. */
    public static int report(int type) {
        return Integer.numberOfTrailingZeros(type) + 1;
    }

    /** The name of a {@code hash_report}, or {@code unknown(n)}: the value comes from the device. */
    public static String name(int report) {
        return report >= 0 && report < NAMES.length ? NAMES[report] : "unknown(" + report + ")";
    }

    /** The types in a mask by name, {@code none} for an empty one. */
    public static String describe(int types) {
        if (types == ALL) {
            return "all";
        }
        List<String> names = new ArrayList<>();
        for (int report = 1; report <= REPORT_LAST; report++) {
            if ((types & 1 << (report - 1)) != 0) {
                names.add(NAMES[report]);
            }
        }
        return names.isEmpty() ? "none" : String.join("+", names);
    }
}
