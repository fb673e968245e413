// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Lets a change wait until nobody uses any more what it replaced, as the kernel's RCU does. Readers never wait.
 *
 * <p>There are two sets of counters, and the epoch says which one a reader counts itself in. To wait is to turn the epoch
 * and to see every counter of the former set at zero once.
 */
final class GracePeriod {
    private static final int STRIPES = 16;
    /** Counters of different threads on different cache lines. */
    private static final int STRIDE = 32;

    private final AtomicIntegerArray counters = new AtomicIntegerArray(2 * STRIPES * STRIDE);
    private volatile int epoch;

    /**
     * Begins a use.
     *
     * @return to be given to {@link #exit}
     */
    int enter() {
        int stripe = ((int) Thread.currentThread().threadId() & STRIPES - 1) * STRIDE;
        while (true) {
            int current = epoch;
            int slot = (current & 1) * STRIPES * STRIDE + stripe;
            counters.incrementAndGet(slot);
            // Counted before the epoch turned: whoever turns it sees the count. Else it may have looked already.
            if (epoch == current) {
                return slot;
            }
            counters.decrementAndGet(slot);
        }
    }

    /** Ends a use. */
    void exit(int slot) {
        counters.decrementAndGet(slot);
    }

    /** Waits for the end of every use that has begun. Not from within a use. */
    synchronized void synchronize() {
        int former = (epoch & 1) * STRIPES * STRIDE;
        epoch++;
        for (int stripe = 0; stripe < STRIPES; stripe++) {
            while (counters.get(former + stripe * STRIDE) != 0) {
                Thread.yield();
            }
        }
    }
}
