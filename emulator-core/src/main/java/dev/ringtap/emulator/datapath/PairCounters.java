// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** The counters of one queue pair: written by its loop, read by anybody. */
public final class PairCounters {
    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] values = new long[Counter.values().length];

    /** Owner loop only. */
    void add(Counter counter, long amount) {
        int i = counter.ordinal();
        // One writer, so the sum needs no atomic update; opaque makes each store whole and eventually seen.
        SLOT.setOpaque(values, i, values[i] + amount);
    }

    /** Any thread; the value may be that of a moment ago. */
    public long get(Counter counter) {
        return (long) SLOT.getOpaque(values, counter.ordinal());
    }
}
