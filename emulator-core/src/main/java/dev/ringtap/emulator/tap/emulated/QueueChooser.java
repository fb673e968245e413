// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/**
 * Chooses the queue of each frame that the host sends, in the place of automatic steering; it may also say a hash, which then
 * travels with the frame. Several senders run it at a time.
 */
@FunctionalInterface
public interface QueueChooser {

    /**
     * Runs once for each frame sent, before it is cut into segments, so all of them go to one queue and inherit the hash of
     * {@link SentPacket#reportHash}.
     *
     * @return the queue: the low 16 bits, modulo the number of attached queues
     */
    int choose(SentPacket packet);

    /** Whether it runs on a device with one attached queue, where the kernel does not ask a steering program. */
    default boolean runsWithOneQueue() {
        return false;
    }
}
