// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Which received frames the driver wants. VIRTIO 1.3, 5.1.6.5.1 Packet Receive Filtering, 5.1.6.5.2 Setting MAC Address
 * Filtering, 5.1.6.5.3 VLAN Filtering. Immutable: every change gives a new filter.
 *
 * <p>Filtering is best effort by the specification. Where it leaves room, a frame is let through:
 *
 * <ul>
 *   <li>With CTRL_RX negotiated the device starts promiscuous. Drivers written for QEMU's device count on it, and one that
 *       knows receive modes says what it wants before it wants less. Without CTRL_RX there is no such mode; every address
 *       is accepted.
 *   <li>Promiscuous mode overrides the VLAN filter as well: it "SHOULD receive all incoming packets".
 *   <li>Only the customer tag (TPID 0x8100) counts as a VLAN tag, since drivers register only such ids, and VLAN id 0
 *       always passes: it marks priority, not membership (IEEE 802.1Q).
 *   <li>Both parts of the MAC table are one set of addresses.
 * </ul>
 */
public final class ReceiveFilter {
    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong BE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int ETHER_TYPE = 12;
    private static final int TAG_CONTROL = 14;
    private static final int TPID = 0x8100;
    private static final int VLAN_ID = 0xFFF;
    private static final int VLAN_WORDS = 64;

    private final int modes;
    private final long mac;
    /** Sorted. */
    private final long[] addresses;
    /** A bit per VLAN id, or null if all pass. */
    private final long[] vlans;

    private ReceiveFilter(int modes, long mac, long[] addresses, long[] vlans) {
        this.modes = modes;
        this.mac = mac;
        this.addresses = addresses;
        this.vlans = vlans;
    }

    /**
     * The filter of a device just reset.
     *
     * @param mac the device's address, six bytes
     * @param features those negotiated
     */
    static ReceiveFilter initial(byte[] mac, long features) {
        int modes = NetFeature.CTRL_RX.in(features)
                ? ReceiveMode.PROMISCUOUS.mask()
                : ReceiveMode.ALL_MULTICAST.mask() | ReceiveMode.ALL_UNICAST.mask();
        return new ReceiveFilter(
                modes,
                MacAddress.of(mac, 0),
                new long[0],
                NetFeature.CTRL_VLAN.in(features) ? new long[VLAN_WORDS] : null);
    }

    ReceiveFilter with(ReceiveMode mode, boolean on) {
        return new ReceiveFilter(on ? modes | mode.mask() : modes & ~mode.mask(), mac, addresses, vlans);
    }

    ReceiveFilter withMac(long newMac) {
        return new ReceiveFilter(modes, newMac, addresses, vlans);
    }

    ReceiveFilter withAddresses(long[] newAddresses) {
        long[] sorted = newAddresses.clone();
        Arrays.sort(sorted);
        return new ReceiveFilter(modes, mac, sorted, vlans);
    }

    ReceiveFilter withVlan(int id, boolean present) {
        long[] changed = vlans == null ? new long[VLAN_WORDS] : vlans.clone();
        long bit = 1L << id;
        changed[id >>> 6] = present ? changed[id >>> 6] | bit : changed[id >>> 6] & ~bit;
        return new ReceiveFilter(modes, mac, addresses, changed);
    }

    /** Whether this receive mode is on. */
    public boolean has(ReceiveMode mode) {
        return (modes & mode.mask()) != 0;
    }

    /** The address that unicast frames are accepted for: six bytes. */
    public byte[] mac() {
        return MacAddress.bytes(mac);
    }

    /**
     * Whether the driver wants this frame. Allocates nothing; each field of the frame is read once.
     *
     * @param frame memory with the frame
     * @param offset of its destination MAC address
     * @param lengthBytes of the frame; below 14 there is no Ethernet header and the answer is false
     */
    public boolean accepts(MemorySegment frame, long offset, long lengthBytes) {
        if (lengthBytes < NetHeader.MIN_FRAME_BYTES) {
            return false;
        }
        if (has(ReceiveMode.PROMISCUOUS)) {
            return true;
        }
        if (vlans != null && !acceptsVlan(frame, offset, lengthBytes)) {
            return false;
        }
        long destination = frame.get(BE64, offset) >>> 16;
        if (destination == MacAddress.BROADCAST) {
            return !has(ReceiveMode.NO_BROADCAST);
        }
        if (MacAddress.isGroup(destination)) {
            return !has(ReceiveMode.NO_MULTICAST) && (has(ReceiveMode.ALL_MULTICAST) || isListed(destination));
        }
        return !has(ReceiveMode.NO_UNICAST)
                && (has(ReceiveMode.ALL_UNICAST) || destination == mac || isListed(destination));
    }

    private boolean isListed(long address) {
        return Arrays.binarySearch(addresses, address) >= 0;
    }

    private boolean acceptsVlan(MemorySegment frame, long offset, long lengthBytes) {
        if (lengthBytes < TAG_CONTROL + 2 || Short.toUnsignedInt(frame.get(BE16, offset + ETHER_TYPE)) != TPID) {
            return true;
        }
        int id = frame.get(BE16, offset + TAG_CONTROL) & VLAN_ID;
        return id == 0 || (vlans[id >>> 6] >>> id & 1) != 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ReceiveFilter that
                && modes == that.modes
                && mac == that.mac
                && Arrays.equals(addresses, that.addresses)
                && Arrays.equals(vlans, that.vlans);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(addresses) + Arrays.hashCode(vlans)) + Long.hashCode(mac) + modes;
    }

    @Override
    public String toString() {
        return "ReceiveFilter[modes=" + ReceiveMode.describe(modes) + ", mac=" + MacAddress.format(mac) + ", addresses="
                + addresses.length + ", vlans="
                + (vlans == null
                        ? "all"
                        : Arrays.stream(vlans).map(Long::bitCount).sum()) + "]";
    }
}
