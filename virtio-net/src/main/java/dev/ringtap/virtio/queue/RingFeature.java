// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

/** The feature bits that change how a split virtqueue works. VIRTIO 1.3, 6 Reserved Feature Bits. */
public final class RingFeature {
    /** The driver may use indirect descriptor tables. Bit 28. */
    public static final long INDIRECT_DESC = 1L << 28;

    /** {@code used_event} and {@code avail_event} govern notifications, the rings' flags do not. Bit 29. */
    public static final long EVENT_IDX = 1L << 29;

    private RingFeature() {}
}
