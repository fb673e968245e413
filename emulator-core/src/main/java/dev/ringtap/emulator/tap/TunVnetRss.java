// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

/**
 * Offsets of {@code struct tun_vnet_rss}, in the machine's byte order: what {@link VnetHashIoctls#TUNSETVNETRSS} and
 * {@link VnetHashIoctls#TUNSETVNETREPORTINGRSS} point to. Behind it come the table, {@code indirection_table_mask + 1} queues
 * of 16 bits, and the key.
 */
public final class TunVnetRss {
    /** u32: mask of {@code VIRTIO_NET_HASH_TYPE_*}. */
    public static final int HASH_TYPES = 0;

    /** u16: entries of the table less one. */
    public static final int INDIRECTION_TABLE_MASK = 4;

    /** u16: queue of a packet without a hash. */
    public static final int UNCLASSIFIED_QUEUE = 6;

    /** Size, and where the table begins. */
    public static final int BYTES = 8;

    private TunVnetRss() {}
}
