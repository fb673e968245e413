// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
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
    /** Enough for the hasher to be compiled; a few milliseconds. */
    private static final int WARM_UP_HASHES = 30_000;

    private static final int HASHES = 2_000;
    private static final int ROUNDS = 9;

    private static final List<String> HEADERS = List.of(
            // Ethernet, then IPv4 or IPv6, then ports.
            "020000000001020000000002" + "0800" + "4500003c123440004006beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "0800" + "4500003c123440004011beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500280640" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500281140" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb");
    private static final int FRAME_BYTES = 94;

    /** @throws IOException if the kernel refuses a program */
    static HashCost measure() throws IOException {
        byte[] key = new byte[40];
        new Random(40).nextBytes(key);
        Toeplitz toeplitz = new Toeplitz(key);
        SteeringConfig rss = SteeringConfig.rss(HashType.ALL, 0, new int[128], toeplitz.byteTable());
        long device = 0;
        long ebpf = 0;
        try (SteeringProgram steering = SteeringProgram.load();
                InBandProgram inBand = InBandProgram.load()) {
            steering.configure(rss);
            inBand.configure(new InBandConfig(rss, true, true));
            PacketHasher hasher = new PacketHasher(toeplitz, HashType.ALL);
            for (byte[] frame : frames()) {
                device += steering.testRun(frame, KERNEL_RUNS).nsPerRun() + nsPerHash(hasher, frame);
                ebpf += inBand.nsPerFrame(frame, KERNEL_RUNS);
            }
        }
        return new HashCost(device / HEADERS.size(), ebpf / HEADERS.size());
    }

    private static List<byte[]> frames() {
        return HEADERS.stream()
                .map(text -> Arrays.copyOf(HexFormat.of().parseHex(text), FRAME_BYTES))
                .toList();
    }

    private static long nsPerHash(PacketHasher hasher, byte[] frame) {
        try (Arena arena = Arena.ofConfined()) {
            // Off the heap, as a guest's memory is.
            MemorySegment memory = arena.allocate(frame.length).copyFrom(MemorySegment.ofArray(frame));
            run(hasher, memory, WARM_UP_HASHES);
            long[] rounds = new long[ROUNDS];
            for (int i = 0; i < ROUNDS; i++) {
                long start = System.nanoTime();
                run(hasher, memory, HASHES);
                rounds[i] = (System.nanoTime() - start) / HASHES;
            }
            Arrays.sort(rounds);
            return rounds[ROUNDS / 2];
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
