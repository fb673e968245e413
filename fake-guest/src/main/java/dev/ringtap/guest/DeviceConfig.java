// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The configuration space as the driver reads it: little-endian, each field only where its feature was offered and the
 * space is long enough. VIRTIO 1.3, 5.1.4 Device configuration layout.
 *
 * <pre>
 *    0 mac[6]   6 status   8 max_virtqueue_pairs   10 mtu   12 speed   16 duplex   17 rss_max_key_size
 *   18 rss_max_indirection_table_length   20 supported_hash_types
 * </pre>
 *
 * @param mac 6 bytes, or null
 * @param linkUp bit 0 of the status; true where there is no status
 * @param announce bit 1 of the status: the device asks for gratuitous packets
 * @param maxQueuePairs at least 1
 * @param mtu bytes, or 0
 * @param rssMaxKeyBytes or 0
 * @param rssMaxTableLength entries, or 0
 * @param supportedHashTypes VIRTIO_NET_HASH_TYPE_* bits
 */
public record DeviceConfig(
        byte[] mac,
        boolean linkUp,
        boolean announce,
        int maxQueuePairs,
        int mtu,
        int rssMaxKeyBytes,
        int rssMaxTableLength,
        int supportedHashTypes) {

    /** All fields that this driver knows: up to supported_hash_types. */
    public static final int KNOWN_BYTES = 24;

    /** @param offered the device's features, which say what fields exist */
    public static DeviceConfig parse(byte[] space, long offered) {
        boolean hash = GuestFeature.RSS.in(offered) || GuestFeature.HASH_REPORT.in(offered);
        boolean manyQueues = GuestFeature.MQ.in(offered) || GuestFeature.RSS.in(offered);
        // Short spaces read as zeros beyond their end.
        ByteBuffer fields = ByteBuffer.allocate(KNOWN_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        fields.put(0, space, 0, Math.min(space.length, KNOWN_BYTES));
        byte[] mac = null;
        if (GuestFeature.MAC.in(offered) && space.length >= 6) {
            mac = new byte[6];
            fields.get(0, mac);
        }
        boolean hasStatus = GuestFeature.STATUS.in(offered) && space.length >= 8;
        int status = hasStatus ? fields.getShort(6) : 1;
        return new DeviceConfig(
                mac,
                (status & 1) != 0,
                (status & 2) != 0,
                manyQueues ? Math.max(1, fields.getShort(8) & 0xFFFF) : 1,
                GuestFeature.MTU.in(offered) ? fields.getShort(10) & 0xFFFF : 0,
                hash ? fields.get(17) & 0xFF : 0,
                GuestFeature.RSS.in(offered) ? fields.getShort(18) & 0xFFFF : 0,
                hash ? fields.getInt(20) : 0);
    }
}
