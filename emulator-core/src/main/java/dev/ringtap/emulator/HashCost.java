// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.io.IOException;
import java.util.ArrayList;
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
    private static final int KERNEL_RUNS = 50;
    /** Of the rounds of the kernel's programs the best counts: the others shared the processor. */
    private static final int KERNEL_ROUNDS = 5;

    /** Compiled Java takes 1 to 2 times what the kernel's program does for a hash, and without C2 more than 5 times. */
    private static final int MOST_RATIO = 4;

    private static final int FLOWS_PER_KIND = 16;

    // Ethernet, then IPv4 or IPv6, then ports.
    private static final List<String> HEADERS = List.of(
            "020000000001020000000002" + "0800" + "4500003c123440004006beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "0800" + "4500003c123440004011beefc000024dc63364c8" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500280640" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb",
            "020000000001020000000002" + "86dd" + "6001234500281140" + "20010db8000000000000000000000001"
                    + "20010db8000000000000000000000002" + "c35101bb");
    private static final int FRAME_BYTES = 94;
    private static final int ETHERNET_BYTES = 14;
    private static final int ADDRESSES_AT_V4 = ETHERNET_BYTES + 12;
    private static final int ADDRESSES_AT_V6 = ETHERNET_BYTES + 8;
    private static final int V4_TYPE = 0x08;

    /**
     * Measures.
     *
     * @param inBand gets a configuration for it
     * @param hashing at work since before {@code inBand} was loaded
     * @return null if other work keeps the machine too busy to say
     */
    static HashCost measure(InBandProgram inBand, HashTimer hashing) throws IOException {
        SteeringConfig rss =
                SteeringConfig.rss(HashType.ALL, 0, new int[128], toeplitz().byteTable());
        inBand.configure(new InBandConfig(rss, true, true));
        long steer = 0;
        long ebpf = 0;
        for (byte[] frame : kinds()) {
            long bestSteer = Long.MAX_VALUE;
            long bestEbpf = Long.MAX_VALUE;
            for (int round = 0; round < KERNEL_ROUNDS; round++) {
                InBandProgram.Cost cost = inBand.measure(frame, KERNEL_RUNS);
                bestSteer = Math.min(bestSteer, cost.steerNs());
                bestEbpf = Math.min(bestEbpf, cost.prefixNs() + cost.handOnNs());
            }
            steer += bestSteer;
            ebpf += bestEbpf;
        }
        steer /= HEADERS.size();
        ebpf /= HEADERS.size();
        long hash = hashing.await(ebpf - steer, MOST_RATIO * steer);
        return hash < 0 ? null : new HashCost(steer + hash, ebpf);
    }

    /** A timer of this process's hasher, at work. */
    static HashTimer hashing() {
        return new HashTimer(new PacketHasher(toeplitz(), HashType.ALL), flows());
    }

    private static Toeplitz toeplitz() {
        byte[] key = new byte[40];
        new Random(40).nextBytes(key);
        return new Toeplitz(key);
    }

    private static List<byte[]> kinds() {
        return HEADERS.stream()
                .map(text -> Arrays.copyOf(HexFormat.of().parseHex(text), FRAME_BYTES))
                .toList();
    }

    /** Of each kind in turn, since a hasher that meets one frame over and over is faster than any in use. */
    private static List<byte[]> flows() {
        Random random = new Random(4);
        List<byte[]> flows = new ArrayList<>();
        for (int i = 0; i < FLOWS_PER_KIND; i++) {
            for (byte[] frame : kinds()) {
                int at = frame[ETHERNET_BYTES - 2] == V4_TYPE ? ADDRESSES_AT_V4 : ADDRESSES_AT_V6;
                byte[] addressesAndPorts = new byte[frame.length - at];
                random.nextBytes(addressesAndPorts);
                System.arraycopy(addressesAndPorts, 0, frame, at, addressesAndPorts.length);
                flows.add(frame);
            }
        }
        return flows;
    }

    @Override
    public String toString() {
        return "measured here: device %d ns a packet, ebpf %d ns".formatted(deviceNs, ebpfNs);
    }
}
