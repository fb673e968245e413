// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static dev.ringtap.guest.traffic.IpPacket.u16;

import java.util.StringJoiner;

/** IP addresses as people write them: RFC 5952, 4 for IPv6, which {@link java.net.InetAddress} does not follow. */
final class AddressText {
    private AddressText() {}

    static String of(byte[] address) {
        if (address.length == 4) {
            StringJoiner parts = new StringJoiner(".");
            for (byte part : address) {
                parts.add(Integer.toString(part & 0xFF));
            }
            return parts.toString();
        }
        int longestStart = -1;
        int longest = 1;
        for (int group = 0; group < 8; group++) {
            int run = zeroRun(address, group);
            if (run > longest) {
                longest = run;
                longestStart = group;
            }
        }
        StringBuilder text = new StringBuilder();
        for (int group = 0; group < 8; group++) {
            if (group == longestStart) {
                text.append("::");
                group += longest - 1;
            } else {
                if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
                    text.append(':');
                }
                text.append(Integer.toHexString(u16(address, group * 2)));
            }
        }
        return text.toString();
    }

    private static int zeroRun(byte[] address, int group) {
        int run = 0;
        while (group + run < 8 && u16(address, (group + run) * 2) == 0) {
            run++;
        }
        return run;
    }
}
