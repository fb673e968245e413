// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import java.util.Arrays;

/** Offsets and fields of untagged Ethernet frames, as the responders need them. */
final class EthernetFrame {
    static final int DESTINATION = 0;
    static final int SOURCE = 6;
    static final int ETHER_TYPE = 12;
    static final int HEADER_BYTES = 14;
    static final int MAC_BYTES = 6;

    static final int ETHER_TYPE_IPV4 = 0x0800;
    static final int ETHER_TYPE_ARP = 0x0806;
    static final int ETHER_TYPE_IPV6 = 0x86DD;

    private EthernetFrame() {}

    /** Whether the frame has this type and at least so many bytes after its header. */
    static boolean is(byte[] frame, int etherType, int payloadBytes) {
        return frame.length >= HEADER_BYTES + payloadBytes && u16(frame, ETHER_TYPE) == etherType;
    }

    static int u8(byte[] frame, int at) {
        return frame[at] & 0xFF;
    }

    static int u16(byte[] frame, int at) {
        return u8(frame, at) << 8 | u8(frame, at + 1);
    }

    static void put16(byte[] frame, int at, int value) {
        frame[at] = (byte) (value >> 8);
        frame[at + 1] = (byte) value;
    }

    static boolean holds(byte[] frame, int at, byte[] expected) {
        return Arrays.equals(frame, at, at + expected.length, expected, 0, expected.length);
    }

    static void put(byte[] frame, int at, byte[] bytes) {
        System.arraycopy(bytes, 0, frame, at, bytes.length);
    }

    /** Addresses the frame back to its sender, from {@code mac}. */
    static void turnRound(byte[] frame, byte[] mac) {
        System.arraycopy(frame, SOURCE, frame, DESTINATION, MAC_BYTES);
        put(frame, SOURCE, mac);
    }
}
