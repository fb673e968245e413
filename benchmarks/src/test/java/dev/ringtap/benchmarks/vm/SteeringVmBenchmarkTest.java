// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.benchmarks.ExpectedQueue;
import dev.ringtap.benchmarks.SampleFrame;
import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.ebpf.vm.Engine;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.bpf.VmSteeringProgram;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class SteeringVmBenchmarkTest {
    @ParameterizedTest
    @EnumSource
    void engineAnswersForEveryFrame(Engine engine) throws Exception {
        try (var steering = VmSteeringProgram.load(VmOptions.defaults().withEngine(engine))) {
            steering.configure(SampleRss.steeringConfig());
            for (var frame : SampleFrame.values()) {
                byte[] bytes = frame.bytes();
                var packet = new SkBuff().reset(bytes, 0, bytes.length);
                assertThat(steering.program().run(packet)).as(frame.title()).isEqualTo(ExpectedQueue.of(frame));
                // The same packet serves every run of a benchmark.
                assertThat(steering.program().run(packet)).as(frame.title()).isEqualTo(ExpectedQueue.of(frame));
            }
        }
    }

    @Test
    @RequiresBpf
    void jmhRunsAllFour() throws Exception {
        var options = new OptionsBuilder()
                .include(SteeringVmBenchmark.class.getSimpleName())
                .param("traffic", SampleFrame.TCP_IPV6.name())
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(5))
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        assertThat(new Runner(options).run())
                .extracting(result -> result.getParams().getBenchmark().replaceFirst(".*\\.", ""))
                .containsExactlyInAnyOrder("compiled", "interpreted", "kernel", "kernelEmpty");
    }
}
