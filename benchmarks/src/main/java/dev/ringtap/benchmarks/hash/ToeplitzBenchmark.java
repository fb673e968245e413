// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.hash;

import dev.ringtap.benchmarks.JmhOptions;
import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.virtio.net.Toeplitz;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The hash alone, and what a new key costs. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 2, jvmArgsAppend = JmhOptions.UNSAFE)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ToeplitzBenchmark {
    private final byte[] key = SampleRss.key();
    private final Toeplitz toeplitz = new Toeplitz(key);

    /** What is hashed: any bytes, always the same. */
    @State(Scope.Thread)
    public static class Input {
        /** IPv4 addresses, with ports, IPv6 addresses, with ports. */
        @Param({"8", "12", "32", "36"})
        private int inputBytes;

        private final byte[] bytes = new byte[Toeplitz.MAX_INPUT_BYTES];

        /** Fills it. */
        @Setup
        public void fill() {
            new Random(3).nextBytes(bytes);
        }
    }

    /** By table, as ringtap hashes. */
    @Benchmark
    public int byTable(Input input) {
        return toeplitz.hash(input.bytes, 0, input.inputBytes);
    }

    /** Bit by bit, as the definition has it. */
    @Benchmark
    public int bitByBit(Input input) {
        int hash = 0;
        long window = 0;
        for (int i = 0; i < 4; i++) window = window << 8 | key[i] & 0xFF;
        for (int i = 0; i < input.inputBytes; i++) {
            window = window << 8 | key[i + 4] & 0xFF;
            for (int bit = 7; bit >= 0; bit--) if ((input.bytes[i] >> bit & 1) != 0) hash ^= (int) (window >> bit + 1);
        }
        return hash;
    }

    /** The tables of a key that the driver has just set. */
    @Benchmark
    public Toeplitz newKey() {
        return new Toeplitz(key);
    }
}
