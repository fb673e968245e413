// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/**
 * Feature bits that every device type shares. VIRTIO 1.3, 6 Reserved Feature Bits; the two below 28 are 6.3 Legacy
 * Interface: Reserved Feature Bits. Names drop {@code VIRTIO_F_} and {@code VIRTIO_RING_F_}.
 */
public enum VirtioFeature {
    /** Legacy: the device calls when it runs out of available buffers, even with calls suppressed. */
    NOTIFY_ON_EMPTY(24),
    /** Legacy: the driver may lay out a request over descriptors as it likes. */
    ANY_LAYOUT(27),
    /** A descriptor may refer to a table of descriptors. */
    INDIRECT_DESC(28),
    /** Kicks and calls are suppressed by index. */
    EVENT_IDX(29),
    /** Compliance with version 1 or later. */
    VERSION_1(32),
    /** Buffer addresses are not simply guest physical ones. */
    ACCESS_PLATFORM(33),
    /** Packed virtqueues. */
    RING_PACKED(34),
    /** Buffers are used in the order in which they were made available. */
    IN_ORDER(35),
    /** Memory accesses are ordered as the platform orders those of devices. */
    ORDER_PLATFORM(36),
    /** A kick carries data. */
    NOTIFICATION_DATA(38),
    /** A virtqueue can be reset alone. */
    RING_RESET(40);

    private final int bit;
    private final long mask;

    VirtioFeature(int bit) {
        this.bit = bit;
        this.mask = 1L << bit;
    }

    /** Bit number, 0 to 63. */
    public int bit() {
        return bit;
    }

    /** The mask with this bit alone. */
    public long mask() {
        return mask;
    }

    /** Whether {@code features} has this bit. */
    public boolean in(long features) {
        return (features & mask) != 0;
    }
}
