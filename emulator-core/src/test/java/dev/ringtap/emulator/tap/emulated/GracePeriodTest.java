// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class GracePeriodTest {
    private static final int READERS = 3;
    private static final int SWAPS = 2_000;

    private static final class Resource {
        volatile boolean released;
    }

    private final GracePeriod grace = new GracePeriod();
    private volatile Resource current = new Resource();
    private volatile boolean done;

    @Test
    void nobodyUsesWhatWasReplacedOnceTheWaitIsOver() throws InterruptedException {
        var seenReleased = new AtomicInteger();
        var uses = new AtomicInteger();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < READERS; i++) {
            readers.add(Thread.ofPlatform().start(() -> {
                while (!done) {
                    int use = grace.enter();
                    Resource mine = current;
                    for (int look = 0; look < 20; look++) {
                        if (mine.released) seenReleased.incrementAndGet();
                    }
                    grace.exit(use);
                    uses.incrementAndGet();
                }
            }));
        }
        for (int i = 0; i < SWAPS; i++) {
            Resource old = current;
            current = new Resource();
            grace.synchronize();
            old.released = true;
        }
        done = true;
        for (Thread reader : readers) reader.join();
        assertThat(seenReleased).hasValue(0);
        assertThat(uses.get()).isPositive();
    }
}
