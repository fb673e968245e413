// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/**
 * Frames that are not in use, by size. It grows to what was ever under way at once; from then on nothing is allocated. Large
 * ones beyond a bound go to the garbage collector instead. Any thread.
 */
final class FramePool {
    private static final int[] CAPACITIES = {2 * 1024, 10 * 1024, EmulatedTap.MAX_FRAME_BYTES};
    private static final int LARGE_KEPT = 256;

    private final FrameRing[] free = new FrameRing[CAPACITIES.length];

    /** @param frames that may be under way at once */
    FramePool(int frames) {
        free[0] = new FrameRing(frames);
        free[1] = new FrameRing(frames);
        free[2] = new FrameRing(Math.min(frames, LARGE_KEPT));
    }

    /** A frame with room for {@code lengthBytes}, at most {@link EmulatedTap#MAX_FRAME_BYTES}; its fields are undefined. */
    Frame take(int lengthBytes) {
        int size = 0;
        while (CAPACITIES[size] < lengthBytes) {
            size++;
        }
        Frame frame = free[size].take();
        return frame != null ? frame : new Frame(CAPACITIES[size]);
    }

    /** Takes a frame back. */
    void give(Frame frame) {
        int size = 0;
        while (CAPACITIES[size] < frame.data.length) {
            size++;
        }
        // With no room the collector has it.
        free[size].put(frame);
    }
}
