// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/**
 * What {@code bpf_get_hash_recalc} computes for a packet without a hash: a number that is the same for all packets of a
 * flow, in both directions. The kernel's is keyed by a secret; only that equal flows hash equal can be relied on.
 */
final class FlowHash {
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int FRAGMENT = 0x3FFF;

    private FlowHash() {}

    static int of(SkBuff skb) {
        byte[] bytes = skb.buffer;
        int end = skb.offset + skb.length;
        if (skb.length < Ethernet.HEADER_BYTES) return 0;
        int type = Ethernet.type(bytes, skb.offset);
        int network = skb.offset + Ethernet.HEADER_BYTES;
        for (int tags = 0; tags < 2 && Ethernet.isVlan(type) && end - network >= Ethernet.VLAN_TAG_BYTES; tags++) {
            type = u16(bytes, network + 2);
            network += Ethernet.VLAN_TAG_BYTES;
        }
        if (type == Ethernet.IPV4 && end - network >= 20) {
            int transport = network + 4 * (bytes[network] & 0xF);
            boolean whole = (u16(bytes, network + 6) & FRAGMENT) == 0;
            return flow(bytes, network + 12, 4, bytes[network + 9], whole ? transport : end, end);
        }
        if (type == Ethernet.IPV6 && end - network >= 40)
            return flow(bytes, network + 8, 16, bytes[network + 6], network + 40, end);
        return mix(type, 0, 0);
    }

    private static int flow(byte[] bytes, int addresses, int addressBytes, int protocol, int transport, int end) {
        int source = fold(bytes, addresses, addressBytes);
        int destination = fold(bytes, addresses + addressBytes, addressBytes);
        if ((protocol == TCP || protocol == UDP) && end - transport >= 4) {
            source ^= u16(bytes, transport);
            destination ^= u16(bytes, transport + 2);
        }
        return mix(Math.min(source, destination), Math.max(source, destination), protocol);
    }

    private static int fold(byte[] bytes, int at, int length) {
        int folded = 0;
        for (int i = 0; i < length; i += 4) folded = folded * 31 + (int) Memory.ARRAY_32.get(bytes, at + i);
        // Ports are added by XOR: an address must not meet them in its own bits.
        return folded * 0x9E3779B1;
    }

    private static int mix(int a, int b, int c) {
        long x = ((long) a << 32 | b & 0xFFFFFFFFL) + c * 0x9E3779B97F4A7C15L;
        x = (x ^ x >>> 30) * 0xBF58476D1CE4E5B9L;
        x = (x ^ x >>> 27) * 0x94D049BB133111EBL;
        int hash = (int) (x >>> 32);
        return hash == 0 ? 1 : hash;
    }

    private static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
    }
}
