// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** Helpers on the packet. r1 is the context; there is only one in a run, so it is not looked at. */
final class PacketHelpers {
    private static final int START_MAC = 0;
    private static final int START_NETWORK = 1;
    private static final long RECOMPUTE_CHECKSUM = 1;
    private static final long INVALIDATE_HASH = 1 << 1;

    /** What a packet that is not segmented later may grow to (SKB_MAX_ALLOC). */
    private static final int LENGTH_MAX = 16 << 10;

    /**
     * What any packet may grow to. The kernel's end is the memory that it gets; an IP packet of 64 KiB with all that a
     * tunnel puts before it is shorter.
     */
    static final int SEGMENTED_LENGTH_MAX = (64 << 10) + LENGTH_MAX;

    private static final int OTHER_HOST = 3;

    private PacketHelpers() {}

    static long loadBytes(Run run, long context, long offset, long to, long length, long r5) {
        return load(run, (int) offset, 0, to, (int) length);
    }

    static long loadBytesRelative(Run run, long context, long offset, long to, long length, long start) {
        int from = switch ((int) start) {
            case START_MAC -> 0;
            case START_NETWORK -> run.skb.networkOffset;
            default -> -1;
        };
        return load(run, from < 0 ? -1 : (int) offset, Math.max(from, 0), to, (int) length);
    }

    private static long load(Run run, int offset, int start, long to, int length) {
        var skb = run.skb;
        if (isInside(skb, offset, start, length)) {
            run.write(to, skb.buffer, skb.offset + start + offset, length);
            return 0;
        }
        run.fill(to, length, (byte) 0);
        return -Errno.EFAULT;
    }

    /** As {@link #loadBytes} for memory that is known to be the stack. */
    static long loadBytesToStack(Run run, int offset, int stackOffset, int length) {
        var skb = run.skb;
        if (offset >= 0 && length >= 0 && offset <= skb.length - length) {
            System.arraycopy(skb.buffer, skb.offset + offset, run.stack, stackOffset, length);
            return 0;
        }
        run.fill(Address.of(Address.STACK, stackOffset), length, (byte) 0);
        return -Errno.EFAULT;
    }

    private static boolean isInside(SkBuff skb, int offset, int start, int length) {
        return offset >= 0 && length >= 0 && (long) start + offset + length <= skb.length;
    }

    static long storeBytes(Run run, long context, long offset, long from, long length, long flags) {
        var skb = run.skb;
        if ((flags & ~(RECOMPUTE_CHECKSUM | INVALIDATE_HASH)) != 0) return -Errno.EINVAL;
        if (!isInside(skb, (int) offset, 0, (int) length)) return -Errno.EFAULT;
        run.read(from, skb.buffer, skb.offset + (int) offset, (int) length);
        if ((flags & INVALIDATE_HASH) != 0) clearHash(skb);
        return 0;
    }

    static long pullData(Run run, long context, long length, long r3, long r4, long r5) {
        // All of a packet lies in one piece here.
        return Integer.compareUnsigned((int) length, run.skb.length) <= 0 ? 0 : -Errno.ENOMEM;
    }

    static long changeHead(Run run, long context, long room, long flags, long r4, long r5) {
        var skb = run.skb;
        long length = (room & 0xFFFFFFFFL) + skb.length;
        if (flags != 0 || length > (skb.gsoSize == 0 ? LENGTH_MAX : SEGMENTED_LENGTH_MAX)) return -Errno.EINVAL;
        skb.push((int) room);
        java.util.Arrays.fill(skb.buffer, skb.offset, skb.offset + (int) room, (byte) 0);
        skb.networkOffset += (int) room;
        return 0;
    }

    static long changeTail(Run run, long context, long length, long flags, long r4, long r5) {
        var skb = run.skb;
        int wanted = (int) length;
        int least = Math.min(skb.networkOffset, skb.length);
        if (flags != 0 || wanted < least || wanted > LENGTH_MAX) return -Errno.EINVAL;
        skb.resize(wanted);
        // The segments of before make no sense any more.
        skb.gsoSize = 0;
        skb.gsoSegs = 0;
        return 0;
    }

    static long changeType(Run run, long context, long type, long r3, long r4, long r5) {
        if (Integer.compareUnsigned((int) type, OTHER_HOST) > 0) return -Errno.EINVAL;
        run.skb.pktType = (int) type;
        return 0;
    }

    static long hash(Run run, long context, long r2, long r3, long r4, long r5) {
        var skb = run.skb;
        if (!skb.hashValid) skb.hash(FlowHash.of(skb));
        return skb.hash & 0xFFFFFFFFL;
    }

    static long setHash(Run run, long context, long hash, long r3, long r4, long r5) {
        run.skb.hash((int) hash);
        return 0;
    }

    static long invalidateHash(Run run, long context, long r2, long r3, long r4, long r5) {
        clearHash(run.skb);
        return 0;
    }

    private static void clearHash(SkBuff skb) {
        skb.hash = 0;
        skb.hashValid = false;
    }
}
