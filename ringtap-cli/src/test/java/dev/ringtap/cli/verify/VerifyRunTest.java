// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The whole path, with few flows of every kind. */
@RequiresRoot
@RequiresTap
@RequiresBpf
class VerifyRunTest {
    private static final int FLOWS = 120;
    private static final int LOAD_PACKETS = 50_000;
    private static final long SEED = 20_250_101;

    @ParameterizedTest
    @EnumSource(
            value = EngineChoice.class,
            names = {"epoll", "io_uring"})
    void everyPacketIsAsExpected(EngineChoice engine) throws Exception {
        assumeTrue(
                engine == EngineChoice.epoll || IoEngine.IO_URING.unavailability() == null,
                "io_uring is not available here");
        Outcome outcome = run(4, engine, false);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.passed()).isTrue();
        assertThat(outcome.total().reports()).as("every type and none").doesNotContain(0L);
        assertThat(outcome.total().queues()).as("every queue").doesNotContain(0L);
        assertThat(outcome.rows()).allSatisfy(row -> assertThat(row.packets()).isPositive());
        assertThat(outcome.total().largeFrames()).isPositive();
        assertThat(outcome.total().partialChecksums())
                .isGreaterThan(outcome.total().largeFrames());
        Outcome.Back back = outcome.back();
        assertThat(back.frames()).isEqualTo(4 * 64);
        assertThat(back.largeFrames()).isPositive();
        assertThat(back.partialChecksums()).isPositive().isLessThan(back.datagrams());
    }

    /** Hashes in band, and then two senders at once that overflow the TAP's queues. */
    @ParameterizedTest
    @EnumSource(
            value = EngineChoice.class,
            names = {"epoll", "io_uring"})
    void everyPacketIsAsExpectedWithTheHashInBandAndUnderLoad(EngineChoice engine) throws Exception {
        assumeTrue(
                engine == EngineChoice.epoll || IoEngine.IO_URING.unavailability() == null,
                "io_uring is not available here");
        Outcome outcome = run(4, engine, HashSourceChoice.EBPF, LOAD_PACKETS, false);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.passed()).isTrue();
        assertThat(outcome.total().packets()).isGreaterThan(LOAD_PACKETS);
        assertThat(outcome.total().largeFrames()).isGreaterThan(LOAD_PACKETS / 10);
        assertThat(outcome.dropped())
                .as("packets that the overflowing queues dropped")
                .isPositive();
    }

    @Test
    void wrongKeyInTheCheckerMakesTheLoadFail() throws Exception {
        Outcome outcome = run(2, EngineChoice.epoll, HashSourceChoice.EBPF, LOAD_PACKETS, true);
        assertThat(outcome.mismatches()).as("all but those without a hash").isGreaterThan(LOAD_PACKETS / 2);
    }

    /** The kernel runs no steering program then; the hash comes from the device, or in band. */
    @ParameterizedTest
    @EnumSource(
            value = HashSourceChoice.class,
            names = {"DEVICE", "EBPF"})
    void oneQueuePairWorksWithoutMultiqueue(HashSourceChoice hashSource) throws Exception {
        Outcome outcome = run(1, EngineChoice.auto, hashSource, 0, false);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.total().reports()).doesNotContain(0L);
    }

    @Test
    void wrongKeyInTheCheckerMakesItFail() throws Exception {
        Outcome outcome = run(2, EngineChoice.epoll, true);
        assertThat(outcome.passed()).isFalse();
        assertThat(outcome.mismatches()).isGreaterThan(outcome.total().packets() / 3);
        assertThat(outcome.failures())
                .anySatisfy(failure -> assertThat(failure.problem()).contains("expected"));
    }

    private static Outcome run(int pairs, EngineChoice engine, boolean breakKey) throws Exception {
        return run(pairs, engine, HashSourceChoice.DEVICE, 0, breakKey);
    }

    private static Outcome run(
            int pairs, EngineChoice engine, HashSourceChoice hashSource, long loadPackets, boolean breakKey)
            throws Exception {
        PrintStream quiet = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        VerifySettings settings = new VerifySettings(
                pairs, FLOWS, SEED, engine, TapChoice.kernel, hashSource, loadPackets, null, breakKey);
        return new VerifyRun(settings, new Progress(quiet, false)).run();
    }
}
