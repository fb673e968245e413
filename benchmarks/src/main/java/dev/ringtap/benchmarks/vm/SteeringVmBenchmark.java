// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.vm;

import dev.ringtap.benchmarks.JmhOptions;
import dev.ringtap.benchmarks.SampleFrame;
import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.ebpf.vm.Engine;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.ebpf.vm.VmProgram;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.bpf.UnattachedProgram;
import dev.ringtap.linux.bpf.VmSteeringProgram;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One packet through the steering program: the same object, the same configuration, the same frame, again and again over
 * one packet. The kernel's runs are counted as the JVM's are, by JMH's clock; so many go into a call that the call costs
 * nothing. Iterations are shorter than a scheduler's time slice: on a machine that does other things too, most of them are
 * undisturbed, and their median is of use where their mean is not.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {JmhOptions.UNSAFE, "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 100, time = 3, timeUnit = TimeUnit.MILLISECONDS)
public class SteeringVmBenchmark {
    private static final int RUNS_IN_A_CALL = 20_000;

    /** The frame. */
    @State(Scope.Thread)
    public static class Traffic {
        @Param
        private SampleFrame traffic;

        private byte[] frame;

        /** Copies it. */
        @Setup
        public void copy() {
            frame = traffic.bytes();
        }
    }

    /** The program in this process. */
    public abstract static class InProcess {
        private final Engine engine;
        private final SkBuff packet = new SkBuff();
        private VmSteeringProgram steering;
        private VmProgram program;

        InProcess(Engine engine) {
            this.engine = engine;
        }

        /** Loads program and packet. */
        @Setup
        public void load(Traffic traffic) throws IOException {
            steering = VmSteeringProgram.load(VmOptions.defaults().withEngine(engine));
            steering.configure(SampleRss.steeringConfig());
            program = steering.program();
            packet.reset(traffic.frame, 0, traffic.frame.length);
        }

        /** Drops the program. */
        @TearDown
        public void close() {
            steering.close();
        }

        final long run() {
            return program.run(packet);
        }
    }

    /** As bytecode of the JVM. */
    @State(Scope.Thread)
    public static class Compiled extends InProcess {
        /** For JMH. */
        public Compiled() {
            super(Engine.COMPILED);
        }
    }

    /** Instruction by instruction. */
    @State(Scope.Thread)
    public static class Interpreted extends InProcess {
        /** For JMH. */
        public Interpreted() {
            super(Engine.INTERPRETED);
        }
    }

    /** The program in the kernel, and one that does nothing. */
    @State(Scope.Thread)
    public static class InKernel {
        private SteeringProgram steering;
        private UnattachedProgram empty;

        /** Loads them. */
        @Setup
        public void load() throws IOException {
            steering = SteeringProgram.load();
            steering.configure(SampleRss.steeringConfig());
            empty = UnattachedProgram.constant(0);
        }

        /** Frees them. */
        @TearDown
        public void close() {
            steering.close();
            empty.close();
        }
    }

    /** {@code ebpf-vm}, compiled. */
    @Benchmark
    public long compiled(Traffic traffic, Compiled vm) {
        return vm.run();
    }

    /** {@code ebpf-vm}, interpreted. */
    @Benchmark
    public long interpreted(Traffic traffic, Interpreted vm) {
        return vm.run();
    }

    /** The kernel's JIT, by BPF_PROG_TEST_RUN. */
    @Benchmark
    @Warmup(iterations = 1, time = 200, timeUnit = TimeUnit.MILLISECONDS)
    @OperationsPerInvocation(RUNS_IN_A_CALL)
    public long kernel(Traffic traffic, InKernel kernel) throws IOException {
        return kernel.steering.testRun(traffic.frame, RUNS_IN_A_CALL).queue();
    }

    /** What a test run costs without a program. */
    @Benchmark
    @Warmup(iterations = 1, time = 200, timeUnit = TimeUnit.MILLISECONDS)
    @OperationsPerInvocation(RUNS_IN_A_CALL)
    public long kernelEmpty(Traffic traffic, InKernel kernel) throws IOException {
        return kernel.empty.run(traffic.frame, RUNS_IN_A_CALL).answer();
    }
}
