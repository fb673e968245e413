// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** The whole path on the emulated TAP, with few flows of every kind. Needs no privilege. */
class EmulatedVerifyRunTest {
    private static final int FLOWS = 120;
    private static final long SEED = 20_250_101;

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "EBPF")
    void everyPacketIsAsExpectedWithEveryHashSource(HashSourceChoice source) throws Exception {
        proves(run(4, EngineChoice.auto, source, 0, false));
    }

    @Test
    void epollServesItToo() throws Exception {
        assumeThat(IoEngine.EPOLL.unavailability()).isNull();
        proves(run(4, EngineChoice.epoll, HashSourceChoice.AUTO, 0, false));
    }

    /** As on a kernel with the ioctls in their last proposed form, which asks the flow dissector. */
    @Test
    void tapThatKnowsSixHashTypesIsVerifiedWithThose() throws Exception {
        int types = EmulatedTap.Options.DISSECTOR_HASH_TYPES;
        Outcome outcome = run(4, EngineChoice.auto, HashSourceChoice.KERNEL, 0, false, types);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.setup().steering()).contains("knows no IP_EX, TCP_EX, UDP_EX");
        for (int report = HashReport.NONE; report < outcome.total().reports().length; report++) {
            assertThat(outcome.total().reports()[report] > 0)
                    .as("report %d", report)
                    .isEqualTo(report == HashReport.NONE || (types & 1 << report - 1) != 0);
        }
        assertThat(outcome.total().queues()).doesNotContain(0L);
        assertThat(outcome.phases())
                .noneSatisfy(phase -> assertThat(phase.name()).contains("_EX"));
    }

    private static void proves(Outcome outcome) {
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.passed()).isTrue();
        assertThat(outcome.lost() + outcome.dropped()).isZero();
        assertThat(outcome.setup().tap().choice()).isEqualTo(TapChoice.emulated);
        assertThat(outcome.total().reports()).as("every type and none").doesNotContain(0L);
        assertThat(outcome.total().queues()).as("every queue").doesNotContain(0L);
        assertThat(outcome.rows()).allSatisfy(row -> assertThat(row.packets()).isPositive());
        assertThat(outcome.total().largeFrames()).isPositive();
        assertThat(outcome.total().partialChecksums())
                .isGreaterThan(outcome.total().largeFrames());
        Outcome.Back back = outcome.back();
        assertThat(back.frames()).isEqualTo(4 * 64);
        assertThat(back.largeFrames()).isPositive();
        assertThat(back.streamBytes()).isPositive();
        assertThat(back.partialChecksums()).isPositive().isLessThan(back.datagrams());
    }

    @Test
    void oneQueuePairWorksWithoutMultiqueue() throws Exception {
        Outcome outcome = run(1, EngineChoice.auto, HashSourceChoice.AUTO, 0, false);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.total().reports()).doesNotContain(0L);
    }

    @Test
    void whatArrivesUnderLoadIsRightThoughQueuesOverflow() throws Exception {
        Outcome outcome = run(2, EngineChoice.auto, HashSourceChoice.AUTO, 20_000, false);
        assertThat(outcome.failures()).isEmpty();
        assertThat(outcome.total().packets()).isGreaterThan(20_000);
    }

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "EBPF")
    void wrongKeyInTheCheckerMakesItFail(HashSourceChoice source) throws Exception {
        Outcome outcome = run(2, EngineChoice.auto, source, 0, true);
        assertThat(outcome.passed()).isFalse();
        assertThat(outcome.mismatches()).isGreaterThan(outcome.total().packets() / 3);
        assertThat(outcome.failures())
                .anySatisfy(failure -> assertThat(failure.problem()).contains("expected"));
    }

    private static Outcome run(int pairs, EngineChoice engine, HashSourceChoice source, long load, boolean breakKey)
            throws Exception {
        return run(pairs, engine, source, load, breakKey, HashType.ALL);
    }

    private static Outcome run(
            int pairs, EngineChoice engine, HashSourceChoice source, long load, boolean breakKey, int tapHashTypes)
            throws Exception {
        PrintStream quiet = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        VerifySettings settings =
                new VerifySettings(pairs, FLOWS, SEED, engine, TapChoice.emulated, source, load, null, breakKey);
        return new VerifyRun(settings, new Progress(quiet, false), tapHashTypes).run();
    }
}
