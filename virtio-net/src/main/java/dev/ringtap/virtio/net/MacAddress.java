// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/** MAC addresses as numbers: the first byte on the wire is bits 40 to 47. */
final class MacAddress {
    static final int BYTES = 6;
    static final long BROADCAST = 0xFFFF_FFFF_FFFFL;

    private static final long GROUP = 1L << 40;

    private MacAddress() {}

    static long of(byte[] bytes, int offset) {
        long mac = 0;
        for (int i = 0; i < BYTES; i++) {
            mac = mac << 8 | bytes[offset + i] & 0xFF;
        }
        return mac;
    }

    static byte[] bytes(long mac) {
        byte[] bytes = new byte[BYTES];
        for (int i = 0; i < BYTES; i++) {
            bytes[i] = (byte) (mac >>> 40 - 8 * i);
        }
        return bytes;
    }

    /** Multicast and broadcast. */
    static boolean isGroup(long mac) {
        return (mac & GROUP) != 0;
    }

    /** Neither a group nor zero. */
    static boolean isStation(long mac) {
        return !isGroup(mac) && mac != 0;
    }

    static String format(long mac) {
        StringBuilder text = new StringBuilder();
        for (int shift = 40; shift >= 0; shift -= 8) {
            text.append(text.isEmpty() ? "" : ":").append("%02x".formatted(mac >>> shift & 0xFF));
        }
        return text.toString();
    }
}
