// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

/** The Internet checksum, RFC 1071. Values are 16 bits. */
public final class Checksums {
    private Checksums() {}

    /** The checksum of a range: its one's complement sum, complemented. */
    public static int of(byte[] bytes, int offset, int length) {
        return ~fold(sum(bytes, offset, length)) & 0xFFFF;
    }

    /** The checksum of a transport packet behind the pseudo-header of these addresses. */
    public static int transport(byte[] source, byte[] destination, int protocol, byte[] bytes, int offset, int length) {
        long sum = pseudoHeader(source, destination, protocol, length) + sum(bytes, offset, length);
        return ~fold(sum) & 0xFFFF;
    }

    /**
     * The pseudo-header's sum, not complemented: what the checksum field of a packet holds whose checksum somebody else
     * finishes. RFC 9293, 3.1 and RFC 8200, 8.1.
     */
    public static int pseudoHeader(byte[] source, byte[] destination, int protocol, int lengthBytes) {
        long sum = sum(source, 0, source.length) + sum(destination, 0, destination.length);
        return fold(sum + protocol + (lengthBytes >>> 16) + (lengthBytes & 0xFFFF));
    }

    private static long sum(byte[] bytes, int offset, int length) {
        long sum = 0;
        for (int i = 0; i < length; i++) {
            int octet = bytes[offset + i] & 0xFF;
            sum += (i & 1) == 0 ? octet << 8 : octet;
        }
        return sum;
    }

    private static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xFFFF) + (folded >>> 16);
        }
        return (int) folded;
    }
}
