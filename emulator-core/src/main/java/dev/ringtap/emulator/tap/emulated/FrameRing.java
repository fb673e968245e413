// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A bounded queue of frames for any number of threads at both ends. Each slot has a turn number: a slot whose turn equals the
 * position is free for the frame of that position, and one turn later it holds it.
 */
final class FrameRing {
    private static final VarHandle TURNS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle PUT;
    private static final VarHandle TAKE;

    static {
        try {
            var lookup = MethodHandles.lookup();
            PUT = lookup.findVarHandle(FrameRing.class, "putPosition", long.class);
            TAKE = lookup.findVarHandle(FrameRing.class, "takePosition", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final int capacity;
    private final Frame[] frames;
    /** 2 * round when free for that round, 2 * round + 1 when full. */
    private final long[] turns;

    private volatile long putPosition;
    private volatile long takePosition;

    /** @param capacity most frames it holds, 1 or more */
    FrameRing(int capacity) {
        this.capacity = capacity;
        frames = new Frame[capacity];
        turns = new long[capacity];
    }

    int capacity() {
        return capacity;
    }

    /** @return false if the ring is full; the frame stays the caller's */
    boolean put(Frame frame) {
        long position = putPosition;
        while (true) {
            int slot = (int) (position % capacity);
            long free = 2 * (position / capacity);
            // Pairs with the release in take().
            long turn = (long) TURNS.getAcquire(turns, slot);
            if (turn == free) {
                if (PUT.compareAndSet(this, position, position + 1)) {
                    frames[slot] = frame;
                    TURNS.setRelease(turns, slot, free + 1);
                    return true;
                }
                position = putPosition;
            } else if (turn < free) {
                // Still held by the round before. Full, unless others have moved on in the meantime.
                long now = putPosition;
                if (now == position) {
                    return false;
                }
                position = now;
            } else {
                position = putPosition;
            }
        }
    }

    /** @return null if the ring is empty */
    Frame take() {
        long position = takePosition;
        while (true) {
            int slot = (int) (position % capacity);
            long full = 2 * (position / capacity) + 1;
            // Pairs with the release in put().
            long turn = (long) TURNS.getAcquire(turns, slot);
            if (turn == full) {
                if (TAKE.compareAndSet(this, position, position + 1)) {
                    Frame frame = frames[slot];
                    frames[slot] = null;
                    TURNS.setRelease(turns, slot, full + 1);
                    return frame;
                }
                position = takePosition;
            } else if (turn < full) {
                long now = takePosition;
                if (now == position) {
                    return null;
                }
                position = now;
            } else {
                position = takePosition;
            }
        }
    }
}
