// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

import java.util.StringJoiner;

/**
 * Feature bits this driver knows. VIRTIO 1.3, 5.1.3 Feature bits (names drop VIRTIO_NET_F_), 6 Reserved Feature Bits
 * (names drop VIRTIO_F_ and VIRTIO_RING_F_), and the transport's own bit 30 of vhost-user.
 */
public enum GuestFeature {
    CSUM(0),
    GUEST_CSUM(1),
    CTRL_GUEST_OFFLOADS(2),
    MTU(3),
    MAC(5),
    GUEST_TSO4(7),
    GUEST_TSO6(8),
    GUEST_ECN(9),
    GUEST_UFO(10),
    HOST_TSO4(11),
    HOST_TSO6(12),
    HOST_ECN(13),
    HOST_UFO(14),
    MRG_RXBUF(15),
    STATUS(16),
    CTRL_VQ(17),
    CTRL_RX(18),
    CTRL_VLAN(19),
    CTRL_RX_EXTRA(20),
    GUEST_ANNOUNCE(21),
    MQ(22),
    CTRL_MAC_ADDR(23),
    INDIRECT_DESC(28),
    EVENT_IDX(29),
    /** VHOST_USER_F_PROTOCOL_FEATURES: seen by the two ends of the socket, never by a virtio driver. */
    PROTOCOL_FEATURES(30),
    VERSION_1(32),
    GUEST_USO4(54),
    GUEST_USO6(55),
    HOST_USO(56),
    HASH_REPORT(57),
    RSS(60),
    SPEED_DUPLEX(63);

    /**
     * What {@link FakeGuest} asks for unless told otherwise: all it can drive, but {@link #CTRL_VLAN} (its device starts
     * with an empty filter and drops every tagged frame) and UFO (long deprecated).
     */
    public static final long DEFAULT = all() & ~of(CTRL_VLAN, GUEST_UFO, HOST_UFO);

    /** Those after which received packets may be larger than the MTU. VIRTIO 1.3, 5.1.6.3 Setting Up Receive Buffers. */
    public static final long LARGE_RECEIVE = of(GUEST_TSO4, GUEST_TSO6, GUEST_UFO, GUEST_USO4, GUEST_USO6);

    private final int bit;

    GuestFeature(int bit) {
        this.bit = bit;
    }

    public int bit() {
        return bit;
    }

    public long mask() {
        return 1L << bit;
    }

    public boolean in(long features) {
        return (features & mask()) != 0;
    }

    public static long of(GuestFeature... features) {
        long mask = 0;
        for (GuestFeature feature : features) {
            mask |= feature.mask();
        }
        return mask;
    }

    /** Every bit named here. */
    public static long all() {
        return of(values());
    }

    /**
     * {@code features} without those whose requirements it lacks, so that the rest may be acknowledged. VIRTIO 1.3,
     * 5.1.3.1 Feature bit requirements, and the SHOULD NOTs of 5.1.4.2 about HASH_REPORT and CTRL_RX_EXTRA.
     */
    public static long withoutUnmet(long features) {
        long kept = features;
        // Removing one may leave another unmet: the longest line is GUEST_ECN, a GUEST_TSO, GUEST_CSUM.
        for (long before = ~kept; before != kept; ) {
            before = kept;
            long csum = of(HOST_TSO4, HOST_TSO6, HOST_UFO, HOST_USO);
            long guestCsum = LARGE_RECEIVE;
            long controlQueue = of(
                    CTRL_RX,
                    CTRL_RX_EXTRA,
                    CTRL_VLAN,
                    GUEST_ANNOUNCE,
                    MQ,
                    CTRL_MAC_ADDR,
                    RSS,
                    HASH_REPORT,
                    CTRL_GUEST_OFFLOADS);
            kept = CSUM.in(kept) ? kept : kept & ~csum;
            kept = GUEST_CSUM.in(kept) ? kept : kept & ~guestCsum;
            kept = CTRL_VQ.in(kept) ? kept : kept & ~controlQueue;
            kept = (kept & of(HOST_TSO4, HOST_TSO6)) != 0 ? kept : kept & ~HOST_ECN.mask();
            kept = (kept & of(GUEST_TSO4, GUEST_TSO6)) != 0 ? kept : kept & ~GUEST_ECN.mask();
        }
        return kept;
    }

    /** The names of all set bits, comma-separated; an unknown one as {@code bit N}. For messages. */
    public static String describe(long features) {
        StringJoiner names = new StringJoiner(", ");
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((features & 1L << bit) != 0) {
                names.add(nameOf(bit));
            }
        }
        return names.toString();
    }

    private static String nameOf(int bit) {
        for (GuestFeature feature : values()) {
            if (feature.bit == bit) {
                return feature.name();
            }
        }
        return "bit " + bit;
    }
}
