// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import io.netty.channel.IoEventLoop;

/** What the datapath asks of one event loop. All methods on the loop's thread only. */
public interface IoLoop {

    /** The Netty loop behind it, for tasks and timers. */
    IoEventLoop executor();

    /**
     * Watches a descriptor, edge-triggered: {@code whenReadable} runs at least once after each time that the descriptor
     * became readable (and once if it is readable now), so it must go on until the kernel answers {@code EAGAIN}, or
     * remember that it did not. For an eventfd every write is an edge: it need not be drained.
     *
     * <p>{@code whenReadable} also runs on an error or hang-up, which its next read then reports. What it throws is
     * logged and goes no further.
     */
    Watch watch(int fd, Runnable whenReadable);

    /** A burst of at most {@code slots} operations on a descriptor, which must be non-blocking. */
    Burst newBurst(int fd, int slots, BurstListener listener);

    /** True if completions come inside {@link Burst#submit()}, so that slots may share memory that completions empty. */
    boolean completesInSubmit();
}
