// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

/** Hears of the completions of a {@link Burst}, on the owner loop's thread. */
public interface BurstListener {

    /**
     * One operation ended.
     *
     * @param slot as given to {@link Burst#read} or {@link Burst#write}
     * @param result bytes transferred, or a negated errno
     */
    void completed(int slot, int result);

    /** The last operation of the burst ended; the next burst may be filled from here. */
    void burstCompleted();
}
