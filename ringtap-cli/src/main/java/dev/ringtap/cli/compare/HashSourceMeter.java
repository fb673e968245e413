// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Measures a hash source over the traffic's packets: each lies in native memory as in a guest's, with the TAP's header that
 * it would have come with.
 */
final class HashSourceMeter implements AutoCloseable {
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int FRONT_BYTES = 32;

    /** Writes what stands in front of a frame. */
    interface Front {
        /** The TAP's header of 20 bytes. */
        Front HEADER = (memory, at, answer) -> {
            memory.set(LE32, at + NetHeader.HASH_VALUE, answer.hashValue());
            memory.set(LE16, at + NetHeader.HASH_REPORT, (short) answer.hashReport());
        };

        /** @param at where there are {@value #FRONT_BYTES} bytes of zeros */
        void write(MemorySegment memory, long at, Answer answer);
    }

    private final HashSource source;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment frames;
    private final MemorySegment fronts;
    private final long[] offsets;
    private final int rounds;
    /** Keeps the compiler from leaving out what nobody looks at. */
    private int sum;

    /**
     * @param source a fresh one, of queue 0
     * @param rules in force
     * @param runs of one measurement, at least
     * @param front what it is to find in front of the frames
     */
    HashSourceMeter(HashSource source, HashRules rules, Traffic traffic, int runs, Front front) {
        this.source = source;
        int packets = traffic.packets();
        offsets = new long[packets + 1];
        for (int i = 0; i < packets; i++) {
            offsets[i + 1] = offsets[i] + traffic.frame(i).length;
        }
        frames = arena.allocate(offsets[packets], 8);
        fronts = arena.allocate((long) FRONT_BYTES * packets, 8);
        for (int i = 0; i < packets; i++) {
            byte[] frame = traffic.frame(i);
            MemorySegment.copy(frame, 0, frames, ValueLayout.JAVA_BYTE, offsets[i], frame.length);
            front.write(fronts, (long) FRONT_BYTES * i, traffic.expected(i));
        }
        rounds = (runs + packets - 1) / packets;
        source.prepare(rules);
        source.commit();
        source.queueEmpty();
    }

    /** Mean nanoseconds of a packet. */
    double measure() {
        int packets = offsets.length - 1;
        int found = 0;
        long startNs = CpuClock.nanoTime();
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < packets; i++) {
                source.hash(fronts, (long) FRONT_BYTES * i, frames, offsets[i], offsets[i + 1] - offsets[i]);
                found += source.value() ^ source.report();
            }
        }
        long elapsedNs = CpuClock.nanoTime() - startNs;
        sum += found;
        return (double) elapsedNs / rounds / packets;
    }

    @Override
    public void close() {
        arena.close();
    }

    @Override
    public String toString() {
        return "HashSourceMeter[%s, %d packets, checksum %08x]".formatted(source, offsets.length - 1, sum);
    }
}
