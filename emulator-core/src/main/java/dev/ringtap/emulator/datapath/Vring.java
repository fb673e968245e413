// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.virtio.queue.SplitVirtqueue;

/**
 * A virtqueue with what notifies: ring + kick/call/err. Owned by the loop that runs it from start to stop; the
 * descriptors stay owned by the session.
 */
public final class Vring {
    private final int index;
    private final SplitVirtqueue queue;
    private final OwnedFd kick;
    private CallSignal call;

    /**
     * @param index virtqueue index
     * @param kick eventfd that the driver writes, or {@code null} when the front-end asked for polling
     * @param call how to interrupt the driver, or {@code null} when it does not want to be
     */
    public Vring(int index, SplitVirtqueue queue, OwnedFd kick, CallSignal call) {
        this.index = index;
        this.queue = queue;
        this.kick = kick;
        this.call = call;
    }

    /** Virtqueue index. */
    public int index() {
        return index;
    }

    SplitVirtqueue queue() {
        return queue;
    }

    OwnedFd kick() {
        return kick;
    }

    /** Takes another call descriptor; owner thread only. */
    void call(CallSignal replacement) {
        call = replacement;
    }

    /** Publishes what {@code addUsed} staged and interrupts the driver if it wants that. Returns whether it did. */
    boolean publish() {
        queue.publishUsed();
        if (queue.driverWantsCall() && call != null) {
            call.signal();
            return true;
        }
        return false;
    }
}
