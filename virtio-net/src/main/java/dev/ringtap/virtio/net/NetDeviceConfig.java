// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What a network device is made with, and its configuration space. VIRTIO 1.3, 5.1.4 Device configuration layout.
 * Immutable; the MAC address is copied in and out.
 *
 * <pre>
 *   0 mac[6]                     10 mtu                 20 supported_hash_types
 *   6 status                     12 speed               24 supported_tunnel_types
 *   8 max_virtqueue_pairs        16 duplex              28
 *                                17 rss_max_key_size
 *                                18 rss_max_indirection_table_length
 * </pre>
 *
 * @param mac six bytes: the address of one station
 * @param maxQueuePairs queue pairs, 1 to {@value #MAX_QUEUE_PAIRS}
 * @param mtu largest MTU in bytes, 68 to 65535
 * @param rssMaxTableLength longest indirection table: a power of two, 128 to 32768. The specification allows any number
 *     from 128; Linux takes the number for the table's length, which has to be a power of two
 * @param supportedHashTypes mask of {@link HashType}s
 * @param speedMbps link speed in Mbit/s, or {@link #SPEED_UNKNOWN}
 */
public record NetDeviceConfig(
        byte[] mac, int maxQueuePairs, int mtu, int rssMaxTableLength, int supportedHashTypes, int speedMbps) {
    /** Bytes of {@code struct virtio_net_config} with {@code supported_tunnel_types}, as VMMs ask for it. */
    public static final int SIZE_BYTES = 28;

    /**
     * {@code rss_max_key_size}: the least that is allowed, all that the longest hash input needs, and all that the Linux
     * drivers of 6.9 to 7.0 take.
     */
    public static final int RSS_MAX_KEY_BYTES = Toeplitz.MAX_KEY_BYTES;

    /** Queues of a Linux TAP. */
    public static final int MAX_QUEUE_PAIRS = 256;

    /** Shortest {@code rss_max_indirection_table_length}, a MUST. */
    public static final int MIN_RSS_TABLE_LENGTH = 128;

    /** The longest power of two that fits {@code rss_max_indirection_table_length}. */
    public static final int MAX_RSS_TABLE_LENGTH = 0x8000;

    /** The speed is not known; neither is duplex then. */
    public static final int SPEED_UNKNOWN = -1;

    private static final int MAC_BYTES = 6;
    private static final int MIN_MTU = 68;
    private static final int MAX_MTU = 65535;

    private static final int STATUS = 6;
    private static final int MAX_VIRTQUEUE_PAIRS = 8;
    private static final int MTU = 10;
    private static final int SPEED = 12;
    private static final int DUPLEX = 16;
    private static final int RSS_MAX_KEY_SIZE = 17;
    private static final int RSS_MAX_INDIRECTION_TABLE_LENGTH = 18;
    private static final int SUPPORTED_HASH_TYPES = 20;

    private static final short S_LINK_UP = 1;
    private static final short S_ANNOUNCE = 2;

    // The field's description and Linux have 1 for full duplex; the device requirements of the same section have it the
    // other way round.
    private static final byte DUPLEX_FULL = 1;
    private static final byte DUPLEX_UNKNOWN = (byte) 0xFF;

    /** Checks every value; the message names it, says what it is and what would be right. */
    public NetDeviceConfig {
        mac = mac.clone();
        checkStation("mac", mac);
        checkRange("maxQueuePairs", maxQueuePairs, 1, MAX_QUEUE_PAIRS);
        checkRange("mtu", mtu, MIN_MTU, MAX_MTU);
        checkRange("rssMaxTableLength", rssMaxTableLength, MIN_RSS_TABLE_LENGTH, MAX_RSS_TABLE_LENGTH);
        if (Integer.bitCount(rssMaxTableLength) != 1) {
            throw new IllegalArgumentException("rssMaxTableLength is " + rssMaxTableLength + ", not a power of two");
        }
        if ((supportedHashTypes & ~HashType.ALL) != 0) {
            throw new IllegalArgumentException("supportedHashTypes is 0x%x, only bits of 0x%x are known"
                    .formatted(supportedHashTypes, HashType.ALL));
        }
        if (speedMbps < SPEED_UNKNOWN) {
            throw new IllegalArgumentException(
                    "speedMbps is " + speedMbps + ", 0 to " + Integer.MAX_VALUE + " or -1 (unknown) is right");
        }
    }

    private static void checkRange(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + " is " + value + ", " + least + " to " + most + " is right");
        }
    }

    private static void checkStation(String name, byte[] mac) {
        if (mac.length != MAC_BYTES) {
            throw new IllegalArgumentException(name + " has " + mac.length + " bytes, " + MAC_BYTES + " is right");
        }
        if (!MacAddress.isStation(MacAddress.of(mac, 0))) {
            throw new IllegalArgumentException(
                    name + " is " + MacAddress.format(MacAddress.of(mac, 0)) + ", not the address of one station");
        }
    }

    @Override
    public byte[] mac() {
        return mac.clone();
    }

    /** The same device with another MAC address, as {@code VIRTIO_NET_CTRL_MAC_ADDR_SET} has it shown. */
    public NetDeviceConfig withMac(byte[] newMac) {
        return new NetDeviceConfig(newMac, maxQueuePairs, mtu, rssMaxTableLength, supportedHashTypes, speedMbps);
    }

    /**
     * The configuration space, little endian. Fields that do not exist under {@code features} are 0.
     *
     * @param features the features offered: a driver may read fields of offered features before it acknowledges them
     *     (VIRTIO 1.3, 2.5.2 Device Requirements: Device Configuration Space)
     * @param linkUp {@code VIRTIO_NET_S_LINK_UP}
     * @param announce {@code VIRTIO_NET_S_ANNOUNCE}
     * @return {@value #SIZE_BYTES} bytes
     */
    public byte[] encode(long features, boolean linkUp, boolean announce) {
        byte[] space = new byte[SIZE_BYTES];
        ByteBuffer fields = ByteBuffer.wrap(space).order(ByteOrder.LITTLE_ENDIAN);
        fields.put(0, mac);
        boolean hashes = NetFeature.RSS.in(features) || NetFeature.HASH_REPORT.in(features);
        if (NetFeature.STATUS.in(features)) {
            fields.putShort(STATUS, (short) ((linkUp ? S_LINK_UP : 0) | (announce ? S_ANNOUNCE : 0)));
        }
        if (NetFeature.MQ.in(features) || NetFeature.RSS.in(features)) {
            fields.putShort(MAX_VIRTQUEUE_PAIRS, (short) maxQueuePairs);
        }
        if (NetFeature.MTU.in(features)) {
            fields.putShort(MTU, (short) mtu);
        }
        if (NetFeature.SPEED_DUPLEX.in(features)) {
            fields.putInt(SPEED, speedMbps);
            fields.put(DUPLEX, speedMbps == SPEED_UNKNOWN ? DUPLEX_UNKNOWN : DUPLEX_FULL);
        }
        if (hashes) {
            fields.put(RSS_MAX_KEY_SIZE, (byte) RSS_MAX_KEY_BYTES);
            fields.putInt(SUPPORTED_HASH_TYPES, supportedHashTypes);
        }
        if (NetFeature.RSS.in(features)) {
            fields.putShort(RSS_MAX_INDIRECTION_TABLE_LENGTH, (short) rssMaxTableLength);
        }
        return space;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof NetDeviceConfig that
                && Arrays.equals(mac, that.mac)
                && maxQueuePairs == that.maxQueuePairs
                && mtu == that.mtu
                && rssMaxTableLength == that.rssMaxTableLength
                && supportedHashTypes == that.supportedHashTypes
                && speedMbps == that.speedMbps;
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(mac)
                + Arrays.hashCode(new int[] {maxQueuePairs, mtu, rssMaxTableLength, supportedHashTypes, speedMbps});
    }

    @Override
    public String toString() {
        return "NetDeviceConfig[mac=%s, maxQueuePairs=%d, mtu=%d, rssMaxTableLength=%d, supportedHashTypes=0x%x, speedMbps=%d]"
                .formatted(
                        MacAddress.format(MacAddress.of(mac, 0)),
                        maxQueuePairs,
                        mtu,
                        rssMaxTableLength,
                        supportedHashTypes,
                        speedMbps);
    }
}
