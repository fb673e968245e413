// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import dev.ringtap.emulator.tap.emulated.DeviceCounters;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.emulator.tap.emulated.HostSide;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** Sends the frames of a capture file to the guest of an emulated TAP. */
public final class PcapReplay {
    /** Frames under way before the replay waits for the reader, if a queue holds as many. */
    private static final int WINDOW_FRAMES = 256;

    private static final long PAUSE_NS = 50_000;

    /** When a frame is sent. */
    public enum Pace {
        /** As soon as the guest has taken enough of those before; the file's times do not matter. */
        AS_READ,
        /** At the distances at which the frames were captured. */
        AS_RECORDED,
        /** At once, whether the queues take it or not. */
        AT_ONCE
    }

    /**
     * What became of a file.
     *
     * @param sent frames that a queue took
     * @param refused frames that none took: queue full, filtered, not to be sent
     * @param cut frames that the file has a part of only, and that were not sent
     */
    public record Result(long sent, long refused, long cut) {}

    private PcapReplay() {}

    /**
     * Sends every frame, on the calling thread.
     *
     * @throws IOException if the file is no capture of Ethernet frames, or damaged; what came before has been sent
     * @throws InterruptedException if the thread is interrupted while it waits
     */
    public static Result run(HostSide host, Path file, Pace pace) throws IOException, InterruptedException {
        long sent = 0;
        long refused = 0;
        long cut = 0;
        FrameInfo info = new FrameInfo();
        long leftAtStart = left(host.counters());
        int window = Math.min(WINDOW_FRAMES, host.queueLength());
        try (PcapReader reader = PcapReader.open(file)) {
            long startNs = System.nanoTime();
            long firstNs = 0;
            while (reader.next()) {
                if (sent + refused + cut == 0) {
                    firstNs = reader.timeNs();
                }
                if (reader.lengthBytes() < reader.originalBytes()) {
                    cut++;
                    continue;
                }
                if (pace == Pace.AS_RECORDED) {
                    waitUntil(startNs + reader.timeNs() - firstNs);
                } else if (pace == Pace.AS_READ) {
                    waitForReader(host, leftAtStart + sent, window);
                }
                if (host.send(reader.data(), 0, reader.lengthBytes(), info) == 0) {
                    sent++;
                } else {
                    refused++;
                }
            }
        }
        return new Result(sent, refused, cut);
    }

    private static void waitUntil(long timeNs) throws InterruptedException {
        for (long left = timeNs - System.nanoTime(); left > 0; left = timeNs - System.nanoTime()) {
            LockSupport.parkNanos(left);
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted between two frames of a replay");
            }
        }
    }

    private static void waitForReader(HostSide host, long all, int window) throws InterruptedException {
        while (all - left(host.counters()) >= window) {
            LockSupport.parkNanos(PAUSE_NS);
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted while the guest read nothing of a replay");
            }
        }
    }

    // Frames that are in no queue any more. What was refused never was in one.
    private static long left(DeviceCounters counters) {
        return counters.txPackets() + counters.txDiscarded();
    }
}
