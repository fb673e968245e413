// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.LoopReader;
import dev.ringtap.linux.posix.Errno;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** A loop hears of every frame, under both engines. */
@ParameterizedClass
@EnumSource(IoEngine.class)
class QueueWatchTest {
    private static final int FRAMES = 2_000;

    @Parameter
    private IoEngine engine;

    private final EmulatedTap tap =
            new EmulatedTap(EmulatedTap.Options.of("e", 1).withQueueLength(FRAMES));

    @BeforeEach
    void engineIsThere() {
        Assumptions.assumeTrue(engine.unavailability() == null, () -> engine + " is not to be had here");
    }

    @Test
    void everyFrameIsHeardOfWhetherTheLoopSleepsOrNot() throws Exception {
        try (var reader = new LoopReader(tap.queue(0), engine)) {
            int read = 0;
            for (int i = 0; i < FRAMES; i++) {
                assertThat(tap.host().send(TestFrames.plain(i))).isZero();
                // Now and then the loop has read everything and sleeps, or is about to.
                for (; i % 7 == 0 && read <= i; read++)
                    assertThat(reader.await()).isEqualTo(TestFrames.plain(read));
            }
        }
    }

    @Test
    void framesFromBeforeTheWatchAreHeardOf() throws Exception {
        tap.host().send(TestFrames.plain(1));
        try (var reader = new LoopReader(tap.queue(0), engine)) {
            assertThat(reader.await()).isEqualTo(TestFrames.plain(1));
        }
    }

    @Test
    void queueMayBeWatchedAgainAfterwards() throws Exception {
        new LoopReader(tap.queue(0), engine).close();
        tap.host().send(TestFrames.plain(2));
        try (var reader = new LoopReader(tap.queue(0), engine)) {
            assertThat(reader.await()).isEqualTo(TestFrames.plain(2));
        }
    }

    @Test
    void removalIsHeardOf() throws Exception {
        try (var reader = new LoopReader(tap.queue(0), engine)) {
            assertThat(reader.awaitFault()).isEqualTo(-Errno.EAGAIN);
            tap.remove();
            int fault = reader.awaitFault();
            assertThat(fault).isEqualTo(-Errno.EBADFD);
        }
    }
}
