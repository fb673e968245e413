// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/**
 * Feature bits of the network device. VIRTIO 1.3, 5.1.3 Feature bits. Names drop {@code VIRTIO_NET_F_}. Bits from 64 up
 * do not fit the 64-bit masks of vhost-user and are left out.
 */
public enum NetFeature {
    /** The device takes packets with a partial checksum. */
    CSUM(0),
    /** The driver takes packets with a partial checksum. */
    GUEST_CSUM(1),
    /** The driver can switch {@code GUEST_*} offloads while running. */
    CTRL_GUEST_OFFLOADS(2),
    /** The device tells its maximum MTU. */
    MTU(3),
    /** The device has a MAC address. */
    MAC(5),
    /** The driver takes TCP over IPv4 unsegmented. */
    GUEST_TSO4(7),
    /** The driver takes TCP over IPv6 unsegmented. */
    GUEST_TSO6(8),
    /** The driver takes unsegmented TCP with ECN. */
    GUEST_ECN(9),
    /** The driver takes UDP unfragmented. */
    GUEST_UFO(10),
    /** The device takes TCP over IPv4 unsegmented. */
    HOST_TSO4(11),
    /** The device takes TCP over IPv6 unsegmented. */
    HOST_TSO6(12),
    /** The device takes unsegmented TCP with ECN. */
    HOST_ECN(13),
    /** The device takes UDP unfragmented. */
    HOST_UFO(14),
    /** A received packet may span several buffers. */
    MRG_RXBUF(15),
    /** The configuration space has a status field. */
    STATUS(16),
    /** There is a control queue. */
    CTRL_VQ(17),
    /** Receive modes and the MAC table can be set. */
    CTRL_RX(18),
    /** The VLAN filter can be set. */
    CTRL_VLAN(19),
    /** The four extra receive modes can be set. */
    CTRL_RX_EXTRA(20),
    /** The device can ask the driver to announce itself. */
    GUEST_ANNOUNCE(21),
    /** Several queue pairs with automatic receive steering. */
    MQ(22),
    /** The MAC address can be set by the control queue. */
    CTRL_MAC_ADDR(23),
    /** Device-level statistics. */
    DEVICE_STATS(50),
    /** Hash over the inner header of a tunnel's packets. */
    HASH_TUNNEL(51),
    /** Notification coalescing per virtqueue. */
    VQ_NOTF_COAL(52),
    /** Notification coalescing. */
    NOTF_COAL(53),
    /** The driver takes UDP over IPv4 unsegmented. */
    GUEST_USO4(54),
    /** The driver takes UDP over IPv6 unsegmented. */
    GUEST_USO6(55),
    /** The device takes UDP unsegmented. */
    HOST_USO(56),
    /** Every received packet carries its hash and the hash's type. */
    HASH_REPORT(57),
    /** The driver's {@code hdr_len} is exact. */
    GUEST_HDRLEN(59),
    /** Receive-side scaling. */
    RSS(60),
    /** The device coalesces segments and tells how many. */
    RSC_EXT(61),
    /** The device may stand in for another one of the same MAC address. */
    STANDBY(62),
    /** The configuration space has speed and duplex. */
    SPEED_DUPLEX(63);

    private final int bit;
    private final long mask;

    NetFeature(int bit) {
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

    /** The mask of all {@code features}. */
    public static long mask(NetFeature... features) {
        long mask = 0;
        for (NetFeature feature : features) {
            mask |= feature.mask;
        }
        return mask;
    }

    /**
     * A mask for people, lowest bit first: names of network and transport features, {@code bit N} for any other bit,
     * {@code none} for 0. Example: {@code "MAC, MRG_RXBUF, bit 30, VERSION_1"}.
     */
    public static String describe(long features) {
        if (features == 0) {
            return "none";
        }
        StringBuilder text = new StringBuilder();
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((features >>> bit & 1) != 0) {
                text.append(text.isEmpty() ? "" : ", ").append(nameOf(bit));
            }
        }
        return text.toString();
    }

    private static String nameOf(int bit) {
        for (NetFeature feature : values()) {
            if (feature.bit == bit) {
                return feature.name();
            }
        }
        for (VirtioFeature feature : VirtioFeature.values()) {
            if (feature.bit() == bit) {
                return feature.name();
            }
        }
        return "bit " + bit;
    }
}
