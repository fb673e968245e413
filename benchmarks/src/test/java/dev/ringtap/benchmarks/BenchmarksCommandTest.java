// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.benchmarks.hash.PacketHasherBenchmark;
import dev.ringtap.benchmarks.hash.ToeplitzBenchmark;
import dev.ringtap.linux.RequiresBpf;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** The benchmarks run; their figures are for a quiet machine and a longer time. */
class BenchmarksCommandTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    void jmhFindsAndRunsTheBenchmarksOfHashing() throws Exception {
        var options = new OptionsBuilder()
                .include(PacketHasherBenchmark.class.getSimpleName())
                .include(ToeplitzBenchmark.class.getSimpleName())
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(5))
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        // Frames, then sizes of two ways to hash, then a key.
        assertThat(new Runner(options).run()).hasSize(SampleFrame.values().length + 2 * 4 + 1);
    }

    @Test
    @RequiresBpf
    void steeringPrintsARowForEachFrame() {
        assertThat(execute("steering", "--rounds", "1", "--repeat", "10")).isZero();
        assertThat(out.toString().lines().filter(line -> line.contains(" -> "))).hasSize(SampleFrame.values().length);
        assertThat(out.toString())
                .contains("ringtap: ", " instructions verified")
                .doesNotContain("ratio");
    }

    @Test
    void aPeerNeedsADescription() {
        assertThat(execute("steering", "--peer", "peer.o")).isEqualTo(2);
        assertThat(err.toString()).contains("--peer-description");
    }

    @Test
    void numbersAreChecked() {
        assertThat(execute("steering", "--rounds", "0")).isEqualTo(2);
        assertThat(err.toString()).contains("--rounds and --repeat must be 1 or more");
    }

    private int execute(String... args) {
        return Main.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
    }
}
