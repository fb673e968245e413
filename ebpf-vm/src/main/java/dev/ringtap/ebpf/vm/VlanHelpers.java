// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static dev.ringtap.ebpf.vm.Ethernet.VLAN_TAG_BYTES;

/**
 * VLAN tags: the outermost one lies beside the frame, where hardware expects it, further ones in the frame behind the
 * addresses.
 */
final class VlanHelpers {
    private static final int ADDRESSES_BYTES = Ethernet.TYPE;

    private VlanHelpers() {}

    static long push(Run run, long context, long protocol, long tci, long r4, long r5) {
        var skb = run.skb;
        int type = Short.toUnsignedInt(Short.reverseBytes((short) protocol));
        if (skb.length < Ethernet.HEADER_BYTES) return -Errno.ENOMEM;
        if (skb.vlanPresent != 0) {
            // The kernel runs out of memory some time; before that the next tag costs more than the one before.
            if (skb.length > PacketHelpers.SEGMENTED_LENGTH_MAX - VLAN_TAG_BYTES) return -Errno.ENOMEM;
            insert(skb, skb.vlanProto, skb.vlanTci);
            skb.protocol = skb.vlanProto;
        }
        skb.vlanTag(Ethernet.isVlan(type) ? type : Ethernet.VLAN, (int) tci);
        return 0;
    }

    static long pop(Run run, long context, long r2, long r3, long r4, long r5) {
        var skb = run.skb;
        if (skb.vlanPresent != 0) {
            skb.noVlanTag();
        } else {
            if (!Ethernet.isVlan(skb.protocol)) return 0;
            if (!remove(skb)) return -Errno.ENOMEM;
        }
        // The next tag, if there is one, takes the place beside the frame.
        int type = skb.protocol;
        if (!Ethernet.isVlan(type)) return 0;
        if (skb.length < Ethernet.HEADER_BYTES + VLAN_TAG_BYTES) return -Errno.ENOMEM;
        int tci = (int) Memory.load(skb.buffer, skb.offset + Ethernet.HEADER_BYTES, 2);
        remove(skb);
        skb.vlanTag(type, Short.toUnsignedInt(Short.reverseBytes((short) tci)));
        return 0;
    }

    private static void insert(SkBuff skb, int type, int tci) {
        skb.push(VLAN_TAG_BYTES);
        byte[] bytes = skb.buffer;
        int at = skb.offset;
        System.arraycopy(bytes, at + VLAN_TAG_BYTES, bytes, at, ADDRESSES_BYTES);
        Memory.ARRAY_16.set(bytes, at + ADDRESSES_BYTES, Short.reverseBytes((short) type));
        Memory.ARRAY_16.set(bytes, at + ADDRESSES_BYTES + 2, Short.reverseBytes((short) tci));
    }

    private static boolean remove(SkBuff skb) {
        if (skb.length < Ethernet.HEADER_BYTES + VLAN_TAG_BYTES) return false;
        byte[] bytes = skb.buffer;
        System.arraycopy(bytes, skb.offset, bytes, skb.offset + VLAN_TAG_BYTES, ADDRESSES_BYTES);
        skb.pull(VLAN_TAG_BYTES);
        skb.protocol = Ethernet.type(bytes, skb.offset);
        return true;
    }
}
