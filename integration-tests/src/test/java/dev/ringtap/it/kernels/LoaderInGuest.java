// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandPrefix;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.bpf.UnattachedProgram;
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
import java.util.Map;
import java.util.function.Function;
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

    /** @param arguments names of objects beside {@link SteeringProgram} */
    public static void main(String[] arguments) throws Exception {
        System.out.println("kernel "
                + Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        for (String name : arguments) {
            printPrograms(name);
        }
        try (var program = SteeringProgram.load()) {
            printHashes(program);
        }
        try (var tap = openTap();
                var program = SteeringProgram.load()) {
            tap.setSteering(program.fd());
            program.configure(spread());
            printQueues("queue", tap, TapDevice.HEADER_BYTES, memory -> "");
        }
        try (var tap = openTap();
                var program = InBandProgram.load()) {
            program.attachTo(tap.link());
            System.out.println("attached by " + program.attachedBy());
            tap.setSteering(program.steeringFd());
            program.configure(new InBandConfig(spread(), true, false));
            printQueues("inband", tap, TapDevice.HEADER_BYTES + InBandPrefix.BYTES, memory -> prefix(program, memory));
        }
        System.out.println("done");
    }

    private static TapDevice openTap() throws Exception {
        var tap = TapDevice.open(TapDevice.Options.of("tap%d", QUEUES));
        tap.link().disableIpv6();
        tap.link().setUp(true);
        return tap;
    }

    /** What becomes of each program of an object. */
    private static void printPrograms(String name) throws Exception {
        BpfObject object;
        try (var resource = SteeringProgram.class.getResourceAsStream(name)) {
            object = BpfObject.parse(name, resource.readAllBytes());
        }
        for (var definition : object.programs()) {
            String program = name + " " + definition.name();
            try (var loaded = UnattachedProgram.load(object, definition.name(), Map.of())) {
                System.out.println("loaded " + program + " verified " + loaded.verifiedInstructions());
            } catch (BpfException e) {
                System.out.println("refused " + program + " because "
                        + e.getMessage().lines().findFirst().orElse(""));
            }
        }
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

    private static SteeringConfig spread() {
        int[] table = IntStream.range(0, TABLE_ENTRIES).map(i -> i % QUEUES).toArray();
        return SteeringConfig.rss(HASH_TYPES, UNCLASSIFIED_QUEUE, table, new Toeplitz(KnownFrame.KEY).byteTable());
    }

    /**
     * Frames that the host sends, and the queue in which each turns up.
     *
     * @param frameAt where a frame begins in what a queue gives
     * @param before tells of what stands in front of the frame
     */
    private static void printQueues(String what, TapDevice tap, int frameAt, Function<MemorySegment, String> before)
            throws Exception {
        try (var host = PacketSocket.open(tap.link().index());
                var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(2048);
            for (KnownFrame known : KnownFrame.values()) {
                byte[] frame = known.frame();
                host.send(frame, frame.length);
                int queue = queueOf(frame, tap, buffer, frameAt);
                System.out.println(what + " " + known + " " + queue + before.apply(buffer));
            }
        }
    }

    /** Hash and report of the prefix, if it is one of this program. */
    private static String prefix(InBandProgram program, MemorySegment memory) {
        int at = TapDevice.HEADER_BYTES;
        boolean ours =
                InBandPrefix.nonce(memory, at) == program.nonce() && InBandPrefix.type(memory, at) == InBandPrefix.TYPE;
        return " %08x %d%s"
                .formatted(
                        InBandPrefix.hash(memory, at),
                        InBandPrefix.report(memory, at),
                        ours ? "" : " without the nonce");
    }

    private static int queueOf(byte[] frame, TapDevice tap, MemorySegment buffer, int frameAt)
            throws InterruptedException {
        for (int attempt = 0; attempt < 500; attempt++) {
            for (int i = 0; i < tap.queueCount(); i++) {
                long bytes = Posix.read(tap.queue(i).fd().number(), buffer.address(), buffer.byteSize());
                if (bytes != frameAt + frame.length) {
                    continue;
                }
                byte[] read = buffer.asSlice(frameAt, frame.length).toArray(ValueLayout.JAVA_BYTE);
                if (Arrays.equals(read, frame)) {
                    return i;
                }
            }
            Thread.sleep(10);
        }
        throw new AssertionError("the frame came out of no queue as it should");
    }
}
