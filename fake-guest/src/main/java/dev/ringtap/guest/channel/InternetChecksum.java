// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

/** The checksum of IP and ICMP. RFC 1071, Computing the Internet Checksum. */
final class InternetChecksum {
    private InternetChecksum() {}

    /**
     * The ones' complement sum of big-endian 16-bit words, folded to 16 bits; an odd last byte is followed by a zero.
     *
     * @param start a sum to add to, from an earlier call on an even number of bytes, or 0
     */
    static int sum(int start, byte[] bytes, int offset, int lengthBytes) {
        long sum = start;
        int end = offset + lengthBytes;
        for (int i = offset; i + 1 < end; i += 2) {
            sum += (bytes[i] & 0xFF) << 8 | bytes[i + 1] & 0xFF;
        }
        if ((lengthBytes & 1) != 0) {
            sum += (bytes[end - 1] & 0xFF) << 8;
        }
        return fold(sum);
    }

    private static int fold(long sum) {
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return (int) sum;
    }

    /** The checksum field's value: the sum's complement. */
    static int of(byte[] bytes, int offset, int lengthBytes) {
        return ~sum(0, bytes, offset, lengthBytes) & 0xFFFF;
    }

    /** As {@link #of}, with the pseudo header of RFC 8200, 8.1 before it. The IPv6 header is at {@code ipv6}. */
    static int ofIpv6(byte[] frame, int ipv6, int nextHeader, int payload, int lengthBytes) {
        int pseudo = sum(0, frame, ipv6 + 8, 32);
        int withLength = fold((long) pseudo + (lengthBytes >>> 16) + (lengthBytes & 0xFFFF) + nextHeader);
        return ~sum(withLength, frame, payload, lengthBytes) & 0xFFFF;
    }
}
