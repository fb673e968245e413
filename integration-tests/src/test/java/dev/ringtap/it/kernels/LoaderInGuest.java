// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The program of the guest: loads the objects as the emulator does and prints one line for each thing it found, for the
 * test outside to judge. A failure is a stack trace and an exit status.
 */
final class LoaderInGuest {
    static final int QUEUES = 4;
    static final int UNCLASSIFIED_QUEUE = 3;

    /** IPv4, TCPv4, UDPv4, IPv6, TCPv6, UDPv6. */
    private static final int HASH_TYPES = 0x3F;

    private static final int TABLE_ENTRIES = 512;
    private static final int UNCLASSIFIED_MARK = 0xABCD;

    private LoaderInGuest() {}

    public static void main(String[] arguments) throws Exception {
        System.out.println("kernel "
                + Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        try (var program = SteeringProgram.load()) {
            System.out.println("verified " + program.verifiedInstructions());
            printHashes(program);
            try (var tap = TapDevice.open(TapDevice.Options.of("tap%d", QUEUES))) {
                tap.link().disableIpv6();
                tap.link().setUp(true);
                tap.setSteering(program.fd());
                printQueues(program, tap);
            }
        }
        System.out.println("done");
    }

    /**
     * A queue tells 9 bits of the hash; with a table of hashes that are rotated, it tells other bits. So four runs show
     * the hash without a word from anybody else.
     */
    private static void printHashes(SteeringProgram program) throws Exception {
        int[] identity = IntStream.range(0, TABLE_ENTRIES).toArray();
        int[] hashes = new int[KnownFrame.values().length];
        boolean[] unclassified = new boolean[hashes.length];
        for (int bits = 0; bits < Integer.SIZE; bits += Byte.SIZE) {
            int rotation = bits;
            int[] rotated = Arrays.stream(new Toeplitz(KnownFrame.KEY).byteTable())
                    .map(hash -> Integer.rotateRight(hash, rotation))
                    .toArray();
            program.configure(SteeringConfig.rss(HASH_TYPES, UNCLASSIFIED_MARK, identity, rotated));
            for (KnownFrame known : KnownFrame.values()) {
                int queue = program.testRun(known.frame(), 1).queue();
                unclassified[known.ordinal()] |= queue == UNCLASSIFIED_MARK;
                hashes[known.ordinal()] |= (queue & 0xFF) << bits;
            }
        }
        for (KnownFrame known : KnownFrame.values()) {
            String hash = unclassified[known.ordinal()] ? "none" : "%08x".formatted(hashes[known.ordinal()]);
            System.out.println("hash " + known + " " + hash);
        }
    }

    /** Frames that the host sends, and the queue in which each turns up. */
    private static void printQueues(SteeringProgram program, TapDevice tap) throws Exception {
        int[] table = IntStream.range(0, TABLE_ENTRIES).map(i -> i % QUEUES).toArray();
        program.configure(
                SteeringConfig.rss(HASH_TYPES, UNCLASSIFIED_QUEUE, table, new Toeplitz(KnownFrame.KEY).byteTable()));
        try (var host = PacketSocket.open(tap.link().index());
                var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(2048);
            for (KnownFrame known : KnownFrame.values()) {
                byte[] frame = known.frame();
                host.send(frame, frame.length);
                System.out.println("queue " + known + " " + queueOf(frame, tap, buffer));
            }
        }
    }

    private static int queueOf(byte[] frame, TapDevice tap, MemorySegment buffer) throws InterruptedException {
        for (int attempt = 0; attempt < 500; attempt++) {
            for (int i = 0; i < tap.queueCount(); i++) {
                long bytes = Posix.read(tap.queue(i).fd().number(), buffer.address(), buffer.byteSize());
                if (bytes != TapDevice.HEADER_BYTES + frame.length) {
                    continue;
                }
                byte[] read =
                        buffer.asSlice(TapDevice.HEADER_BYTES, frame.length).toArray(ValueLayout.JAVA_BYTE);
                if (Arrays.equals(read, frame)) {
                    return i;
                }
            }
            Thread.sleep(10);
        }
        throw new AssertionError("the frame came out of no queue");
    }
}
