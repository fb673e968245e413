// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Checksums;
import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

/**
 * The IP packet in a frame that came in, by RFC 791, 3.1 and RFC 8200, 3. Fragments are seen as such and not put together;
 * IPv6 extension headers are not followed.
 *
 * @param frame the frame
 * @param source 4 or 16 bytes
 * @param protocol what the header names as its next
 * @param headersAt where in the frame the IP header starts
 * @param transportAt where in the frame the IP header ends
 * @param end where in the frame the packet ends
 * @param fragment whether it is a part of a packet
 */
record IpView(
        byte[] frame,
        byte[] source,
        byte[] destination,
        int protocol,
        int headersAt,
        int transportAt,
        int end,
        boolean fragment) {
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    /** More fragments, and the offset. */
    private static final int FRAGMENT_BITS = 0x3FFF;

    /** Null if the frame holds no complete IP packet with a right header. */
    static IpView of(byte[] frame) {
        int at = Frames.MAC_HEADER_BYTES;
        if (frame.length < at) {
            return null;
        }
        return switch (u16(frame, at - 2)) {
            case Frames.ETHERTYPE_IPV4 -> ipv4(frame, at);
            case Frames.ETHERTYPE_IPV6 -> ipv6(frame, at);
            default -> null;
        };
    }

    private static IpView ipv4(byte[] frame, int at) {
        if (frame.length < at + IPV4_BYTES || (frame[at] & 0xF0) != 0x40) {
            return null;
        }
        int headerBytes = (frame[at] & 0xF) * 4;
        int end = at + u16(frame, at + 2);
        if (headerBytes < IPV4_BYTES
                || end < at + headerBytes
                || end > frame.length
                || Checksums.of(frame, at, headerBytes) != 0) {
            return null;
        }
        return new IpView(
                frame,
                Arrays.copyOfRange(frame, at + 12, at + 16),
                Arrays.copyOfRange(frame, at + 16, at + 20),
                frame[at + 9] & 0xFF,
                at,
                at + headerBytes,
                end,
                (u16(frame, at + 6) & FRAGMENT_BITS) != 0);
    }

    private static IpView ipv6(byte[] frame, int at) {
        if (frame.length < at + IPV6_BYTES || (frame[at] & 0xF0) != 0x60) {
            return null;
        }
        int end = at + IPV6_BYTES + u16(frame, at + 4);
        if (end > frame.length) {
            return null;
        }
        return new IpView(
                frame,
                Arrays.copyOfRange(frame, at + 8, at + 24),
                Arrays.copyOfRange(frame, at + 24, at + 40),
                frame[at + 6] & 0xFF,
                at,
                at + IPV6_BYTES,
                end,
                false);
    }

    boolean six() {
        return source.length == 16;
    }

    int transportBytes() {
        return end - transportAt;
    }

    InetAddress sourceAddress() {
        return address(source);
    }

    InetAddress destinationAddress() {
        return address(destination);
    }

    int sourcePort() {
        return u16(frame, transportAt);
    }

    int destinationPort() {
        return u16(frame, transportAt + 2);
    }

    byte[] sourceMac() {
        return Arrays.copyOfRange(frame, 6, 12);
    }

    /** Bytes of the frame from {@code from} to the packet's end. */
    byte[] rest(int from) {
        return Arrays.copyOfRange(frame, from, end);
    }

    private static InetAddress address(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of " + bytes.length + " bytes", e);
        }
    }

    static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
    }

    static int i32(byte[] bytes, int at) {
        return u16(bytes, at) << 16 | u16(bytes, at + 2);
    }
}
