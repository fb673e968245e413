// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.hash;

import dev.ringtap.benchmarks.JmhOptions;
import dev.ringtap.benchmarks.SampleFrame;
import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/** What the hash source {@code device} does to a frame in guest memory: parse and hash. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 2, jvmArgsAppend = JmhOptions.UNSAFE)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PacketHasherBenchmark {
    @Param
    private SampleFrame traffic;

    private final PacketHasher hasher = new PacketHasher(new Toeplitz(SampleRss.key()), SampleRss.HASH_TYPES);
    private MemorySegment frame;
    private long lengthBytes;

    /** Puts the frame outside the heap, as guest memory is. */
    @Setup
    public void place() {
        byte[] bytes = traffic.bytes();
        lengthBytes = bytes.length;
        frame = Arena.ofAuto().allocate(lengthBytes, 8);
        frame.copyFrom(MemorySegment.ofArray(bytes));
    }

    /** One frame. */
    @Benchmark
    public int hash() {
        hasher.hash(frame, 0, lengthBytes);
        return hasher.value();
    }
}
