// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/** Decides what of a frame gets into the queue that was chosen. Several senders run it at a time. */
@FunctionalInterface
public interface PacketFilter {

    /**
     * Runs for each frame or segment, as late as possible before the queue.
     *
     * @return bytes to keep, from the frame's begin; 0 drops it, more than it has keeps all
     */
    int keep(SentPacket packet);
}
