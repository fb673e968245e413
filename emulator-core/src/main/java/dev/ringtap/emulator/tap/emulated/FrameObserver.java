// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/** Sees every frame of a device without taking it, as a sniffer on the interface would. */
@FunctionalInterface
public interface FrameObserver {

    /** Which way a frame goes. */
    enum Direction {
        /** From the host into a queue; segmented and summed already, as far as the reader's offloads ask for it. */
        TO_GUEST,
        /** Written by the guest, as it was written. */
        TO_HOST
    }

    /**
     * One frame, before it is filtered or queued. Runs on the thread that sends it, several threads at a time. Everything is
     * lent until this returns. What it throws is logged.
     */
    void frame(Direction direction, byte[] data, int offset, int lengthBytes, FrameInfo info);
}
