// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/** Gets the frames that the guest sends: the host's network stack, or what stands in for it. */
@FunctionalInterface
public interface HostReceiver {

    /**
     * One frame, already accepted. Runs on the loop that wrote it, so frames of different queues may come at the same time.
     * Everything is lent until this returns. What it throws is logged; the frame counts as received all the same.
     *
     * @param queue the port's number of the queue that the frame was written to
     */
    void receive(int queue, byte[] data, int offset, int lengthBytes, FrameInfo info);
}
