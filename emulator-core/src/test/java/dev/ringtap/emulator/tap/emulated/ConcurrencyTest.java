// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.posix.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Several senders and a reader who is too slow: every frame is read whole, or counted. */
class ConcurrencyTest {
    private static final int SENDERS = 4;
    private static final int FRAMES = 20_000;
    private static final int NUMBER_AT = 14;

    @Test
    void noFrameIsLostWithoutACount() throws Exception {
        try (var bed = new EmulatedBed(1, 64, 12)) {
            var senders = startSenders(bed);
            int[] next = new int[SENDERS];
            long read = 0;
            boolean all = false;
            while (true) {
                var got = bed.read(0);
                if (got.result() == -Errno.EAGAIN) {
                    if (all) break;
                    all = senders.isDone();
                    continue;
                }
                read++;
                checkOrder(got.frame(12), next);
            }
            senders.join();
            var counted = bed.counted();
            assertThat(counted.txPackets()).isEqualTo(read);
            assertThat(counted.txDropped()).isPositive();
            assertThat(read + counted.txDropped()).isEqualTo((long) SENDERS * FRAMES);
        }
    }

    @Test
    void countsAddUpWhileQueuesComeAndGo() throws Exception {
        try (var bed = new EmulatedBed(3, 64, 12)) {
            var done = new AtomicBoolean();
            var reader = Thread.ofPlatform().daemon().start(() -> {
                while (!done.get()) {
                    for (int queue = 0; queue < 3; queue++) bed.read(queue);
                }
            });
            var senders = startSenders(bed);
            bed.tap.setSteering(packet -> packet.data()[packet.offset() + NUMBER_AT + 3]);
            for (int round = 0; !senders.isDone(); round++) bed.tap.setAttachedQueues(round % 4);
            senders.join();
            done.set(true);
            reader.join();
            for (int queue = 0; queue < 3; queue++) {
                while (bed.read(queue).result() > 0) {
                    // What the reader had not come to.
                }
            }
            var counters = bed.tap.host().counters();
            assertThat(counters.txPackets() + counters.txDropped() + counters.txDiscarded())
                    .isEqualTo((long) SENDERS * FRAMES);
        }
    }

    private static CompletableFuture<Void> startSenders(EmulatedBed bed) {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        for (int sender = 0; sender < SENDERS; sender++) {
            int first = sender * FRAMES;
            var done = new CompletableFuture<Void>();
            all.add(done);
            Thread.ofPlatform().daemon().start(() -> {
                for (int i = 0; i < FRAMES; i++) bed.send(TestFrames.plain(first + i), new FrameInfo());
                done.complete(null);
            });
        }
        return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new));
    }

    private static void checkOrder(byte[] frame, int[] next) {
        int number = TestFrames.be32(frame, NUMBER_AT);
        assertThat(frame).isEqualTo(TestFrames.plain(number));
        int sender = number / FRAMES;
        assertThat(number % FRAMES).isGreaterThanOrEqualTo(next[sender]);
        next[sender] = number % FRAMES + 1;
    }
}
