// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import java.util.HexFormat;

/** One frame of each kind that costs a steering program something of its own. 60 bytes or more; checksums are zero. */
public enum SampleFrame {
    TCP_IPV4("TCP/IPv4", "0800", Parts.IPV4.formatted("0000", 6) + Parts.TCP),
    UDP_IPV4("UDP/IPv4", "0800", Parts.IPV4.formatted("0000", 17) + Parts.UDP),
    TCP_IPV6("TCP/IPv6", "86dd", Parts.IPV6.formatted(6) + Parts.TCP),
    UDP_IPV6("UDP/IPv6", "86dd", Parts.IPV6.formatted(17) + Parts.UDP),
    HOME_ADDRESS("TCP/IPv6, home address", "86dd", Parts.IPV6.formatted(60) + Parts.HOME_ADDRESS + Parts.TCP),
    /** The first fragment of several, which no hash may look for ports in. */
    FRAGMENT("IPv4 fragment", "0800", Parts.IPV4.formatted("2000", 17) + Parts.UDP),
    ARP("ARP", "0806", "0001080006040001020000000001c0000201000000000000c0000202");

    private final String title;
    private final byte[] bytes;

    SampleFrame(String title, String etherType, String packet) {
        this.title = title;
        String frame = "020000000001" + "020000000002" + etherType + packet;
        bytes = HexFormat.of().parseHex(frame + "00".repeat(Math.max(0, 60 - frame.length() / 2)));
    }

    /** As tables call it. */
    public String title() {
        return title;
    }

    /** The frame from its destination MAC address; a copy. */
    public byte[] bytes() {
        return bytes.clone();
    }

    /** Headers in hexadecimal. */
    private static final class Parts {
        /** Flags and fragment offset, protocol; 192.0.2.77 to 198.51.100.200. */
        static final String IPV4 = "450000400000%s40%02x0000" + "c000024d" + "c63364c8";

        /** Next header; 2001:db8:1::11 to 2001:db8:2::55. */
        static final String IPV6 =
                "600000000040%02x40" + "20010db8000100000000000000000011" + "20010db8000200000000000000000055";

        /** Ports 50001 and 443. */
        static final String TCP = "c35101bb" + "00000001" + "00000000" + "50101000" + "00000000";

        static final String UDP = "c35101bb" + "00080000";

        /** A destination options header of 24 bytes: padding, then the home address 2001:db8:3::99. */
        static final String HOME_ADDRESS = "0602" + "01020000" + "c910" + "20010db8000300000000000000000099";
    }
}
