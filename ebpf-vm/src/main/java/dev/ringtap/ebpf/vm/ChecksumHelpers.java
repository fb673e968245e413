// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/**
 * Helpers that repair Internet checksums (RFC 1071, RFC 1624). Sums are kept as they lie in memory: the sum in ones'
 * complement does not care for the order of bytes.
 */
final class ChecksumHelpers {
    private static final int FIELD_BYTES_MASK = 0xF;
    private static final int PSEUDO_HEADER = 1 << 4;
    private static final int MARK_MANGLED_ZERO = 1 << 5;
    private static final int MARK_ENFORCE = 1 << 6;
    private static final int IPV6 = 1 << 7;
    private static final int OFFSET_MAX = 0xFFFF;
    private static final int DIFFERENCE_BYTES_MAX = 512;

    private ChecksumHelpers() {}

    static long replaceL3(Run run, long context, long offset, long from, long to, long flags) {
        if ((flags & ~FIELD_BYTES_MASK) != 0) return -Errno.EINVAL;
        return replace(run.skb, (int) offset, from, to, (int) flags);
    }

    static long replaceL4(Run run, long context, long offset, long from, long to, long flags) {
        int known = FIELD_BYTES_MASK | PSEUDO_HEADER | MARK_MANGLED_ZERO | MARK_ENFORCE | IPV6;
        if ((flags & ~known) != 0) return -Errno.EINVAL;
        return replace(run.skb, (int) offset, from, to, (int) flags);
    }

    private static long replace(SkBuff skb, int offset, long from, long to, int flags) {
        if (offset < 0 || offset > OFFSET_MAX || (offset & 1) != 0 || offset > skb.length - 2) return -Errno.EFAULT;
        int at = skb.offset + offset;
        int sum = (short) Memory.ARRAY_16.get(skb.buffer, at) & 0xFFFF;
        boolean keepsZero = (flags & MARK_MANGLED_ZERO) != 0;
        if (keepsZero && (flags & MARK_ENFORCE) == 0 && sum == 0) return 0;
        long change = switch (flags & FIELD_BYTES_MASK) {
            case 0 -> from == 0 ? to & 0xFFFFFFFFL : -1;
            case 2 -> (~from & 0xFFFF) + (to & 0xFFFF);
            case 4 -> (~from & 0xFFFFFFFFL) + (to & 0xFFFFFFFFL);
            default -> -1;
        };
        if (change < 0) return -Errno.EINVAL;
        int result = ~fold((~sum & 0xFFFF) + change) & 0xFFFF;
        if (keepsZero && result == 0) result = 0xFFFF;
        Memory.ARRAY_16.set(skb.buffer, at, (short) result);
        return 0;
    }

    /** What a sum changes by if {@code from} is replaced by {@code to}; either may be empty. */
    static long difference(Run run, long from, long fromBytes, long to, long toBytes, long seed) {
        int removed = (int) fromBytes;
        int added = (int) toBytes;
        if ((removed | added) < 0 || ((removed | added) & 3) != 0 || removed + added > DIFFERENCE_BYTES_MAX)
            return -Errno.EINVAL;
        long sum = seed & 0xFFFFFFFFL;
        for (int i = 0; i < removed; i += 4) sum += ~run.load(from + i, 4) & 0xFFFFFFFFL;
        for (int i = 0; i < added; i += 4) sum += run.load(to + i, 4);
        return fold(sum);
    }

    /** The kernel adds to a sum that hardware made of a received packet; there is none here. */
    static long update(Run run, long context, long sum, long r3, long r4, long r5) {
        return -Errno.ENOTSUPP;
    }

    /** To 16 bits, end-around carry. */
    private static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) folded = (folded >>> 16) + (folded & 0xFFFF);
        return (int) folded;
    }
}
