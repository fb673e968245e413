// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/**
 * What queue and hash of a packet cost on this machine, measured: nanoseconds, the mean over TCP and UDP, IPv4 and IPv6.
 *
 * @param deviceNs the steering program, and the hash once more in this process
 * @param ebpfNs the program at the egress and the steering program behind it
 */
record HashCost(long deviceNs, long ebpfNs) {
    private static final int KERNEL_RUNS = 100;
    private static final int HASHES = 500;
    /** After so many rounds without a clear gain the hasher is taken to be compiled. */
    private static final int SAME_ROUNDS = 40;

    private static final long MOST_NS = 300_000_000;

    private static final List<String> HEADERS = List.of(
            // Ethernet, then IPv4 or IPv6, then ports.
            "020000000001020000000002" + "0800" + "4500003c123440004006beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "0800" + "4500003c123440004011beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500280640" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500281140" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb");
    private static final int FRAME_BYTES = 94;

    /**
     * Measures.
     *
     * @param inBand gets a configuration for it
     */
    static HashCost measure(InBandProgram inBand) throws IOException {
        byte[] key = new byte[40];
        new Random(40).nextBytes(key);
        Toeplitz toeplitz = new Toeplitz(key);
        SteeringConfig rss = SteeringConfig.rss(HashType.ALL, 0, new int[128], toeplitz.byteTable());
        inBand.configure(new InBandConfig(rss, true, true));
        long device = 0;
        long ebpf = 0;
        for (byte[] frame : frames()) {
            InBandProgram.Cost cost = inBand.measure(frame, KERNEL_RUNS);
            device += cost.steerNs() + nsPerHash(new PacketHasher(toeplitz, HashType.ALL), frame);
            ebpf += cost.prefixNs() + cost.handOnNs();
        }
        return new HashCost(device / HEADERS.size(), ebpf / HEADERS.size());
    }

    private static List<byte[]> frames() {
        return HEADERS.stream()
                .map(text -> Arrays.copyOf(HexFormat.of().parseHex(text), FRAME_BYTES))
                .toList();
    }

    /** The best round: the ones before it ran code that was not compiled yet, or had to share the processor. */
    private static long nsPerHash(PacketHasher hasher, byte[] frame) {
        try (Arena arena = Arena.ofConfined()) {
            // Off the heap, as a guest's memory is.
            MemorySegment memory = arena.allocate(frame.length).copyFrom(MemorySegment.ofArray(frame));
            long best = Long.MAX_VALUE;
            long begun = System.nanoTime();
            long start = begun;
            for (int same = 0; same < SAME_ROUNDS && start - begun < MOST_NS; same++) {
                run(hasher, memory, HASHES);
                long end = System.nanoTime();
                long ns = (end - start) / HASHES;
                if (ns < best / 10 * 9) {
                    same = 0;
                }
                best = Math.min(best, ns);
                start = end;
            }
            return best;
        }
    }

    private static void run(PacketHasher hasher, MemorySegment frame, int times) {
        for (int i = 0; i < times; i++) {
            hasher.hash(frame, 0, frame.byteSize());
        }
    }

    @Override
    public String toString() {
        return "measured here: device %d ns a packet, ebpf %d ns".formatted(deviceNs, ebpfNs);
    }
}
