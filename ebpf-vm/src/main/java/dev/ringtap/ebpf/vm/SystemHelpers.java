// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.time.Instant;

/** Helpers that need neither packet nor map. */
final class SystemHelpers {
    /** Of {@code bpf_loop}, as in the kernel. */
    private static final int LOOPS_MAX = 1 << 23;

    /** What the kernel says for nobody. */
    private static final int OVERFLOW_UID = 65_534;

    private SystemHelpers() {}

    static long nanoTime(Run run, long r1, long r2, long r3, long r4, long r5) {
        return System.nanoTime();
    }

    /** Of 10 ms, as with CONFIG_HZ=100. */
    static long jiffies(Run run, long r1, long r2, long r3, long r4, long r5) {
        return System.nanoTime() / 10_000_000;
    }

    static long wallClock(Run run, long r1, long r2, long r3, long r4, long r5) {
        var now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000 + now.getNano();
    }

    /** Packets that a TAP handles belong to no socket. */
    static long noSocketCookie(Run run, long context, long r2, long r3, long r4, long r5) {
        return 0;
    }

    static long noSocketUser(Run run, long context, long r2, long r3, long r4, long r5) {
        return OVERFLOW_UID;
    }

    static long random(Run run, long r1, long r2, long r3, long r4, long r5) {
        return run.nextRandom() & 0xFFFFFFFFL;
    }

    static long cpu(Run run, long r1, long r2, long r3, long r4, long r5) {
        return run.cpu;
    }

    static long numaNode(Run run, long r1, long r2, long r3, long r4, long r5) {
        return 0;
    }

    /** Calls {@code callback(i, context)} until it returns other than 0. */
    static long loop(Run run, long times, long callback, long context, long flags, long r5) {
        if (flags != 0) return -Errno.EINVAL;
        int count = (int) times;
        if (Integer.compareUnsigned(count, LOOPS_MAX) > 0) return -Errno.E2BIG;
        for (int i = 0; i < count; i++) {
            // An empty callback costs as well.
            run.spend(1);
            if (run.callback(callback, i, context, 0, 0) != 0) return i + 1L;
        }
        return count;
    }
}
