// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** The loads from the packet that eBPF has inherited: {@code skb[offset]}, in network order. */
final class ClassicLoads {
    /** What is out of the packet; no value, since those have 32 bits. */
    static final long OUTSIDE = -1;

    // Offsets from here on count from the network header, and from the frame's begin; linux/filter.h.
    private static final int NETWORK = -0x100000;
    private static final int LINK = -0x200000;

    private ClassicLoads() {}

    static long load(Run run, int offset, int sizeBytes) {
        var skb = run.skb;
        long at = offset;
        if (offset < 0) {
            if (offset >= NETWORK) at = (long) offset - NETWORK + skb.networkOffset;
            else if (offset >= LINK) at = (long) offset - LINK;
            else return OUTSIDE;
        }
        if (at + sizeBytes > skb.length) return OUTSIDE;
        long value = Memory.load(skb.buffer, skb.offset + (int) at, sizeBytes);
        return switch (sizeBytes) {
            case 1 -> value;
            case 2 -> Short.reverseBytes((short) value) & 0xFFFFL;
            default -> Integer.reverseBytes((int) value) & 0xFFFFFFFFL;
        };
    }
}
