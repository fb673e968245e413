// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import dev.ringtap.virtio.net.HashReport;
import java.util.HexFormat;

/**
 * Frames with the addresses and ports of Microsoft's "Verifying the RSS hash calculation", whose answers, under the key
 * given there, nobody here has calculated.
 */
enum KnownFrame {
    TCP_OVER_IPV4(0x0800, Frames.ipv4(6, Frames.PORTS + Frames.ZEROS.substring(0, 32)), 0x51CCC178, HashReport.TCPV4),
    UDP_OVER_IPV4(0x0800, Frames.ipv4(17, Frames.PORTS + Frames.ZEROS.substring(0, 8)), 0x51CCC178, HashReport.UDPV4),
    ICMP_OVER_IPV4(0x0800, Frames.ipv4(1, Frames.ZEROS), 0x323E8FC2, HashReport.IPV4),
    TCP_OVER_IPV6(0x86DD, Frames.ipv6(6, Frames.PORTS + Frames.ZEROS.substring(0, 32)), 0x40207D3D, HashReport.TCPV6),
    UDP_OVER_IPV6(0x86DD, Frames.ipv6(17, Frames.PORTS + Frames.ZEROS.substring(0, 8)), 0x40207D3D, HashReport.UDPV6),
    IPV6_ALONE(0x86DD, Frames.ipv6(59, ""), 0x2CC18CD5, HashReport.IPV6),
    ARP(0x0806, Frames.ZEROS, 0, HashReport.NONE);

    static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    private final byte[] frame;
    private final int hash;
    private final int report;

    KnownFrame(int etherType, String payload, int hash, int report) {
        frame = HexFormat.of().parseHex("020000000001020000000002" + "%04x".formatted(etherType) + payload);
        this.hash = hash;
        this.report = report;
    }

    byte[] frame() {
        return frame.clone();
    }

    /** The published hash. */
    int hash() {
        return hash;
    }

    /** What kind of hash that is: {@link HashReport}. */
    int report() {
        return report;
    }

    boolean classified() {
        return report != HashReport.NONE;
    }

    /** Packets in hexadecimal. */
    private static final class Frames {
        // Ports 2794 and 1766.
        static final String PORTS = "0aea06e6";
        static final String ZEROS = "00".repeat(46);

        static String ipv4(int protocol, String payload) {
            // 66.9.149.187 to 161.142.100.80
            return "4500%04x00000000 40%02x0000"
                            .formatted(20 + payload.length() / 2, protocol)
                            .replace(" ", "") + "420995bb" + "a18e6450" + payload;
        }

        static String ipv6(int nextHeader, String payload) {
            // 3ffe:2501:200:1fff::7 to 3ffe:2501:200:3::1
            return "60000000%04x%02x40".formatted(payload.length() / 2, nextHeader) + "3ffe250102001fff0000000000000007"
                    + "3ffe2501020000030000000000000001" + payload;
        }
    }
}
