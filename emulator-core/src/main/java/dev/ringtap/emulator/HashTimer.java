// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.ringtap.virtio.net.PacketHasher;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Finds out what a hash costs in this process, on a thread of its own: a young JVM needs some 100 ms until its compilers are
 * done with the hasher, and something else can be done meanwhile. Closing it ends the thread.
 */
final class HashTimer implements AutoCloseable {
    private static final int PASSES = 8;
    /** Without a gain for so long the hasher counts as compiled: a compiler's next result may be 30 ms away. */
    private static final long STEADY_NS = 100_000_000;
    /** The same where a gain would change nothing. */
    private static final long CHEAP_STEADY_NS = 10_000_000;

    private static final long MOST_WAIT_NS = 500_000_000;

    private final PacketHasher hasher;
    private final List<byte[]> frames;
    private final Thread thread;
    private volatile long cheapNs;
    private volatile long compiledNs;
    private volatile boolean awaited;
    private volatile boolean closed;
    private long bestNs = Long.MAX_VALUE;
    private boolean steady;

    /**
     * Begins.
     *
     * @param frames to be hashed in turn
     */
    HashTimer(PacketHasher hasher, List<byte[]> frames) {
        this.hasher = hasher;
        this.frames = frames;
        thread = Thread.ofPlatform().daemon().name("ringtap-hash-timer").start(this::run);
    }

    /**
     * Waits for the figure, half a second at most.
     *
     * @param cheapNs below this it need not be exact
     * @param compiledNs above this the code is not compiled yet, however long there was no gain: on a busy machine a
     *     compiler may not get to it for long
     * @return nanoseconds a hash, in the best round: the others shared the processor, or ran code that was not compiled yet;
     *     -1 if it is none to rely on
     */
    long await(long cheapNs, long compiledNs) {
        this.compiledNs = compiledNs;
        this.cheapNs = cheapNs;
        awaited = true;
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return steady ? bestNs : -1;
    }

    private void run() {
        try (Arena arena = Arena.ofConfined()) {
            // Off the heap, as a guest's memory is.
            long bytes = frames.stream().mapToLong(frame -> frame.length).sum();
            MemorySegment memory = arena.allocate(bytes);
            long at = 0;
            for (byte[] frame : frames) {
                MemorySegment.copy(frame, 0, memory, JAVA_BYTE, at, frame.length);
                at += frame.length;
            }
            long start = System.nanoTime();
            long gained = start;
            long awaitedAt = 0;
            while (!closed && !steady && (awaitedAt == 0 || start - awaitedAt < MOST_WAIT_NS)) {
                if (awaited && awaitedAt == 0) {
                    awaitedAt = start;
                }
                for (int pass = 0; pass < PASSES; pass++) {
                    hashAll(memory);
                }
                long end = System.nanoTime();
                long ns = (end - start) / ((long) PASSES * frames.size());
                if (ns < bestNs - bestNs / 10) {
                    gained = end;
                }
                bestNs = Math.min(bestNs, ns);
                long withoutGain = bestNs < cheapNs ? CHEAP_STEADY_NS : STEADY_NS;
                steady = awaited && bestNs <= compiledNs && end - gained > withoutGain;
                start = end;
            }
        }
    }

    @Override
    public void close() {
        closed = true;
    }

    private void hashAll(MemorySegment memory) {
        long at = 0;
        for (byte[] frame : frames) {
            hasher.hash(memory, at, frame.length);
            at += frame.length;
        }
    }
}
