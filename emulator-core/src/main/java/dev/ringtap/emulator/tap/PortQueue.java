// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;

/**
 * One queue of a {@link TapPort}: a read takes one frame that the host sent, a write gives the host one frame, both with
 * the TAP's header in front. Used by one loop, on its thread, but for {@link #present}.
 */
public interface PortQueue {

    /** Bytes in front of each frame, as set by TUNSETVNETHDRSZ: 12, or 20 with a hash report. Fixed while in use. */
    int headerBytes();

    /** As {@link IoLoop#watch}: {@code whenReadable} runs when frames wait, and when the device has gone. */
    Watch watch(IoLoop loop, Runnable whenReadable);

    /** A burst of at most {@code slots} operations on this queue. A device that is gone answers {@code -EBADFD}. */
    Burst newBurst(IoLoop loop, int slots, BurstListener listener);

    /** See {@link IoLoop#completesInSubmit}, of this queue's bursts on that loop. */
    boolean completesInSubmit(IoLoop loop);

    /** Whether the interface still exists. */
    boolean present();
}
