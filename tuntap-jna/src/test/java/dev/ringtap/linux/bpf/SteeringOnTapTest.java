// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The program attached to a multi-queue TAP in a network namespace of its own. */
@RequiresTap
@RequiresBpf
class SteeringOnTapTest {
    private static final int QUEUES = 16;
    private static final int UNCLASSIFIED_QUEUE = 15;
    private static final byte[] KEY = new byte[40];

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(4096, 8);
    private final List<AutoCloseable> opened = new ArrayList<>();
    private NetworkNamespace namespace;
    private TapDevice tap;
    private PacketSocket host;
    private SteeringProgram program;

    /** A frame that came out of a queue, without the vnet header. */
    private record Received(int queue, byte[] frame) {}

    @BeforeEach
    void open() throws Exception {
        new Random(11).nextBytes(KEY);
        namespace = keep(NetworkNamespace.create());
        namespace.run(() -> {
            tap = keep(TapDevice.open(TapDevice.Options.of("steered%d", QUEUES)));
            tap.link().disableIpv6();
            tap.link().setUp(true);
            host = keep(PacketSocket.open(tap.link().index()));
        });
        program = keep(SteeringProgram.load());
        tap.setSteering(program.fd());
    }

    @AfterEach
    void close() throws Exception {
        for (var resource : opened.reversed()) resource.close();
        arena.close();
    }

    private <T extends AutoCloseable> T keep(T resource) {
        opened.add(resource);
        return resource;
    }

    @Test
    void queueIsTheOneThatTheRulesSay() throws Exception {
        int[] table = IntStream.range(0, 128).map(i -> i % 15).toArray();
        configure(ReferenceHash.ALL, table, KEY);
        var frames = flows(96);
        frames.add(Frames.join(Frames.ethernet(0x0806), new byte[46]));
        for (byte[] frame : frames) {
            var received = sendAndReceive(frame);
            assertThat(received.frame).isEqualTo(frame);
            assertThat(received.queue).isEqualTo(queue(frame, false, table, KEY));
        }
        program.configure(SteeringConfig.constant(5));
        assertThat(sendAndReceive(frames.getFirst()).queue).isEqualTo(5);
        // The kernel takes what the program says modulo the queues.
        program.configure(SteeringConfig.constant(QUEUES + 6));
        assertThat(sendAndReceive(frames.getFirst()).queue).isEqualTo(6);
    }

    @Test
    void tagBesideTheFrameCountsAsTheFirst() throws Exception {
        int[] table = IntStream.range(0, 512).map(i -> i % 15).toArray();
        configure(ReferenceHash.ALL, table, KEY);
        for (int pushed : new int[] {0x8100, 0x88A8}) {
            try (var pusher = VlanPusher.attach(namespace, tap.link().index(), pushed, 0x0123)) {
                int classified = 0;
                for (int[] inside : new int[][] {
                    {}, {0x8100_0001}, {0x88A8_0002}, {0x8100_0001, 0x8100_0002}, {0x88A8_0001, 0x8100_0002}
                }) {
                    for (byte[] flow : flows(8)) {
                        int type = (flow[12] & 0xFF) << 8 | flow[13] & 0xFF;
                        byte[] frame =
                                Frames.join(Frames.ethernet(type, inside), Arrays.copyOfRange(flow, 14, flow.length));
                        var received = sendAndReceive(frame);
                        // The kernel has put the tag into the frame on its way out.
                        assertThat(received.frame).hasSize(frame.length + 4);
                        assertThat(ByteBuffer.wrap(received.frame).getInt(12)).isEqualTo(pushed << 16 | 0x0123);
                        assertThat(received.queue).isEqualTo(queue(frame, true, table, KEY));
                        if (received.queue != UNCLASSIFIED_QUEUE) classified++;
                    }
                }
                assertThat(classified).as("with no tag or one inside").isEqualTo(3 * 8);
                assertThat(pusher.isOpen()).isTrue();
            }
        }
    }

    /** The ioctl accepts it all the same. */
    @Test
    void programDoesNotRunWhileOneQueueIsAttached() throws Exception {
        byte[] frame = flows(1).getFirst();
        try (var object = LoadedObject.load(TestObject.parse("globals"))) {
            tap.setSteering(object.program("count").number());
            int none = runs(object);
            for (int i = 0; i < 3; i++) sendAndReceive(frame);
            assertThat(runs(object)).isEqualTo(none + 3);
            tap.setAttachedQueues(1);
            for (int i = 0; i < 3; i++) assertThat(sendAndReceive(frame).queue).isZero();
            assertThat(runs(object)).isEqualTo(none + 3);
            tap.setAttachedQueues(2);
            sendAndReceive(frame);
            assertThat(runs(object)).isEqualTo(none + 4);
        }
        tap.clearSteering();
    }

    private int runs(LoadedObject counting) throws Exception {
        counting.map(".data").get(0, buffer);
        return buffer.get(JAVA_INT, 0);
    }

    /**
     * Two configurations that differ in everything alternate while packets pour in. A's queues are 0 to 7, B's 8 to
     * 15, and each spreads the flows its own way, so a packet that saw A's table with B's key shows up.
     */
    @Test
    void everyPacketIsSteeredByOneConfigurationAndByTheNewOneAfterItsInstallation() throws Exception {
        long seed = Long.getLong("ringtap.seed", System.nanoTime());
        System.out.println("SteeringOnTapTest: -Dringtap.seed=" + seed);
        var random = new Random(seed);
        byte[][] keys = new byte[2][40];
        int[][] tables = new int[2][512];
        var configurations = new SteeringConfig[2];
        for (int i = 0; i < 2; i++) {
            random.nextBytes(keys[i]);
            int first = 8 * i;
            Arrays.setAll(tables[i], entry -> first + random.nextInt(8));
            configurations[i] = SteeringConfig.rss(
                    ReferenceHash.ALL, UNCLASSIFIED_QUEUE, tables[i], BitwiseToeplitz.table(keys[i], 0));
        }
        var flows = flows(64);
        int[][] expected = new int[2][flows.size()];
        for (int i = 0; i < 2; i++)
            for (int flow = 0; flow < flows.size(); flow++)
                expected[i][flow] = queue(flows.get(flow), false, tables[i], keys[i]);

        var reconfiguration = new Reconfiguration(configurations);
        var configuring = new FutureTask<Void>(reconfiguration, null);
        reconfiguration.installNext();
        var thread = new Thread(configuring, "reconfiguration");
        thread.start();

        long wrong = 0;
        long sent = 0;
        long received = 0;
        long underOne = 0;
        String firstWrong = "";
        int[] before = new int[32];
        int[] after = new int[32];
        try {
            while (reconfiguration.running()) {
                for (int i = 0; i < before.length; i++) {
                    int flow = random.nextInt(flows.size());
                    byte[] frame = flows.get(flow);
                    frame[frame.length - 2] = (byte) flow;
                    frame[frame.length - 1] = (byte) i;
                    before[i] = reconfiguration.installed;
                    assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
                    after[i] = reconfiguration.begun;
                    if (before[i] == after[i]) reconfiguration.sentUnder(before[i]);
                    sent++;
                }
                for (int queue = 0; queue < QUEUES; queue++) {
                    for (var got = receive(queue); got != null; got = receive(queue)) {
                        received++;
                        int flow = got.frame[got.frame.length - 2];
                        int i = got.frame[got.frame.length - 1];
                        // Installed before it was sent: none older may have steered it. Begun after: none newer.
                        boolean right = false;
                        for (int n = before[i]; n <= after[i]; n++) right |= expected[n % 2][flow] == queue;
                        if (before[i] == after[i]) underOne++;
                        if (right) continue;
                        if (wrong++ == 0)
                            firstWrong = "flow " + flow + " on queue " + queue + " under configurations " + before[i]
                                    + " to " + after[i] + ", expected " + expected[0][flow] + " (A) or "
                                    + expected[1][flow]
                                    + " (B)";
                    }
                }
            }
        } finally {
            thread.interrupt();
            thread.join();
        }
        configuring.get();
        assertThat(wrong).as("seed %d: %s", seed, firstWrong).isZero();
        assertThat(received).as("no packet is lost").isEqualTo(sent);
        assertThat(underOne).as("packets that could have one answer only").isGreaterThan(10_000);
        assertThat(sent - underOne)
                .as("packets sent while a configuration was being installed")
                .isGreaterThan(100);
    }

    /** Installs one configuration after the other, each as soon as enough packets were sent under the last. */
    private final class Reconfiguration implements Runnable {
        private static final int COUNT = 40;
        private static final int PACKETS_UNDER_EACH = 500;

        private final SteeringConfig[] configurations;
        private volatile int begun = -1;
        private volatile int installed = -1;
        private volatile int sentUnderInstalled;
        private volatile boolean ended;

        Reconfiguration(SteeringConfig[] configurations) {
            this.configurations = configurations;
        }

        void installNext() throws NativeException {
            begun++;
            program.configure(configurations[begun % 2]);
            sentUnderInstalled = 0;
            installed = begun;
        }

        // By the sender only.
        void sentUnder(int number) {
            if (number == installed) sentUnderInstalled++;
        }

        boolean running() {
            return !ended;
        }

        @Override
        public void run() {
            try {
                for (int i = 0; i < COUNT; i++) {
                    while (sentUnderInstalled < PACKETS_UNDER_EACH
                            && !Thread.currentThread().isInterrupted()) Thread.onSpinWait();
                    installNext();
                }
            } catch (NativeException e) {
                throw new IllegalStateException(e);
            } finally {
                ended = true;
            }
        }
    }

    private void configure(int types, int[] table, byte[] key) throws NativeException {
        program.configure(SteeringConfig.rss(types, UNCLASSIFIED_QUEUE, table, BitwiseToeplitz.table(key, 0)));
    }

    private static int queue(byte[] frame, boolean tagBeside, int[] table, byte[] key) {
        var answer = ReferenceHash.of(frame, tagBeside, ReferenceHash.ALL);
        if (answer == null) return UNCLASSIFIED_QUEUE;
        return table[BitwiseToeplitz.hash(key, answer.input()) & table.length - 1];
    }

    /** UDP and TCP over IPv4 and IPv6, and a home address now and then; ports differ. */
    private static List<byte[]> flows(int count) {
        var flows = new ArrayList<byte[]>();
        for (int i = 0; i < count; i++) {
            byte[] transport = Arrays.copyOf(Frames.bytes(i * 7, i, 1, 2), 60);
            byte[] packet = switch (i % 5) {
                case 0 -> Frames.ipv4(Frames.UDP, 0, new byte[0], transport);
                case 1 -> Frames.ipv4(Frames.TCP, 0, new byte[0], transport);
                case 2 -> Frames.ipv6(Frames.UDP, transport);
                case 3 -> Frames.ipv6(Frames.TCP, transport);
                default ->
                    Frames.ipv6(
                            Frames.DESTINATION,
                            Frames.options(Frames.UDP, Frames.homeAddress(Frames.address(i))),
                            transport);
            };
            flows.add(Frames.join(Frames.ethernet(i % 5 < 2 ? Frames.IPV4 : Frames.IPV6), packet));
        }
        return flows;
    }

    private Received sendAndReceive(byte[] frame) throws Exception {
        assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
        Received received = null;
        for (int queue = 0; queue < QUEUES; queue++) {
            for (var got = receive(queue); got != null; got = receive(queue)) {
                assertThat(received).as("a second frame").isNull();
                received = got;
            }
        }
        assertThat(received).as("frame %s", Arrays.toString(frame)).isNotNull();
        return received;
    }

    private Received receive(int queue) throws Exception {
        long bytes = Posix.read(tap.queue(queue).fd().number(), buffer.address(), buffer.byteSize());
        if (bytes == -Errno.EAGAIN) return null;
        NativeException.check(bytes, "read", "cannot read from the TAP");
        return new Received(
                tap.queue(queue).kernelIndex(),
                buffer.asSlice(TapDevice.HEADER_BYTES, bytes - TapDevice.HEADER_BYTES)
                        .toArray(JAVA_BYTE));
    }
}
