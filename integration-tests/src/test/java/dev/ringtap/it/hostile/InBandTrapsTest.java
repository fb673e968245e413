// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.hostile;

import static dev.ringtap.it.hostile.EmulatorBench.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Hashes in band, where something comes in between: a guest never sees a prefix, and its hashes are right. */
@RequiresTap
@RequiresBpf
@ParameterizedClass
@EnumSource(IoEngine.class)
class InBandTrapsTest {
    private static final long LIMIT_MS = 10_000;
    private static final int SOL_PACKET = 263;
    private static final int PACKET_QDISC_BYPASS = 20;
    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final byte[] HOST_MAC = {0x02, 0, 0, 0, 0, 0x02};

    @Parameter
    private IoEngine engine;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private final Random random = new Random(5);
    private EmulatorBench bench;

    @BeforeEach
    void open() throws Exception {
        bench = new EmulatorBench(engine, HashSourceChoice.EBPF);
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
    }

    @Test
    void framesPastTheEgressAreHashedHereAndCounted() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect();
                PacketSocket bypass = bench.namespace()
                        .call(() -> PacketSocket.open(bench.tap().link().index()));
                Arena arena = Arena.ofConfined()) {
            long on = arena.allocateFrom(ValueLayout.JAVA_INT, 1).address();
            int set = Posix.setsockopt(bypass.fd().number(), SOL_PACKET, PACKET_QDISC_BYPASS, on, Integer.BYTES);
            NativeException.check(set, "setsockopt PACKET_QDISC_BYPASS", "cannot go past the egress");
            GuestRss rss = rss();
            steer(guest, rss);
            for (int i = 0; i < 50; i++) {
                // In turn, so that each comes where the other was expected.
                byte[] frame = udp(i);
                PacketSocket host = i % 3 == 0 ? bypass : bench.host();
                assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
                assertRight(next(), frame, rss);
            }
            assertThat(bench.counted(Counter.RX_UNPREFIXED)).isEqualTo(17);
        }
    }

    /** It has the type of a prefix, and stays a frame for want of the nonce. */
    @Test
    void frameOfThePrefixesTypeIsAFrame() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            GuestRss rss = rss();
            steer(guest, rss);
            for (int i = 0; i < 5; i++) {
                byte[] frame = bench.frame(200);
                bench.sendToGuest(frame);
                assertRight(next(), frame, rss);
            }
        }
    }

    /**
     * The driver sets and resets RSS and the number of queue pairs while frames pour in: each arrives whole, with a hash
     * that one of its configurations gives.
     */
    @Test
    void whateverTheGuestConfiguresMeanwhileNoPrefixGetsThrough() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            GuestRss one = rss();
            GuestRss other = rss();
            steer(guest, one);
            AtomicBoolean stop = new AtomicBoolean();
            List<Throwable> problems = new ArrayList<>();
            Thread sender = Thread.ofPlatform().start(() -> {
                try {
                    for (int i = 0; !stop.get(); i++) {
                        byte[] frame = udp(i % 64);
                        bench.host().send(frame, frame.length);
                        if (i % 16 == 0) {
                            Thread.sleep(1);
                        }
                    }
                } catch (Exception e) {
                    problems.add(e);
                }
            });
            for (int i = 0; i < 12; i++) {
                switch (i % 4) {
                    case 0 -> steer(guest, other);
                    case 1 -> assertOk(guest.control().setQueuePairs(1));
                    case 2 -> assertOk(guest.control().setHash(HashTypes.ALL, one.key()));
                    default -> steer(guest, one);
                }
            }
            stop.set(true);
            sender.join();
            assertThat(problems).isEmpty();
            await("nothing came", () -> !inbox.isEmpty());
            for (ReceivedPacket packet : inbox) {
                int number = ByteBuffer.wrap(packet.frame()).getInt(42);
                assertThat(packet.frame()).isEqualTo(udp(number));
                if (packet.hashReport() == HashTypes.REPORT_NONE) {
                    assertThat(packet.hashValue()).isZero();
                    continue;
                }
                // On any queue: RSS and automatic steering take turns, and VQ_PAIRS_SET leaves the key as it is.
                int first = Expectation.of(packet.frame(), one).hashValue();
                int second = Expectation.of(packet.frame(), other).hashValue();
                assertThat(packet.hashValue()).isIn(first, second);
            }
        }
    }

    /** Without hash reports there is no prefix to take off, before and after a driver with them. */
    @Test
    void driversWithAndWithoutHashReportsTakeTurns() throws Exception {
        long without = GuestFeature.DEFAULT & ~GuestFeature.HASH_REPORT.mask();
        for (long features : new long[] {without, GuestFeature.DEFAULT, without, GuestFeature.DEFAULT}) {
            long connections = bench.connections();
            try (FakeGuest guest = bench.guest(inbox).wantedFeatures(features).connect()) {
                GuestRss rss = rss();
                steer(guest, rss);
                boolean reported = GuestFeature.HASH_REPORT.in(guest.ackedFeatures());
                for (int i = 0; i < 40; i++) {
                    byte[] frame = udp(i);
                    bench.sendToGuest(frame);
                    ReceivedPacket received = next();
                    if (reported) {
                        assertRight(received, frame, rss);
                    } else {
                        assertThat(received.frame()).isEqualTo(frame);
                        assertThat(received.queue())
                                .isEqualTo(Expectation.of(frame, rss).queue());
                    }
                }
            }
            bench.awaitGone(connections);
        }
        assertThat(bench.counted(Counter.RX_UNPREFIXED)).isZero();
    }

    private GuestRss rss() {
        byte[] key = new byte[40];
        random.nextBytes(key);
        int[] table = random.ints(128, 0, EmulatorBench.QUEUE_PAIRS).toArray();
        return new GuestRss(HashTypes.ALL, table, random.nextInt(EmulatorBench.QUEUE_PAIRS), key);
    }

    private static void steer(FakeGuest guest, GuestRss rss) throws Exception {
        int[] table = rss.table();
        assertOk(guest.control()
                .setRss(
                        rss.hashTypes(),
                        table.length - 1,
                        rss.unclassified(),
                        table,
                        EmulatorBench.QUEUE_PAIRS,
                        rss.key()));
    }

    private static void assertOk(CompletableFuture<Integer> command) throws Exception {
        assertThat(command.get(LIMIT_MS, TimeUnit.MILLISECONDS)).isEqualTo(ControlQueueClient.OK);
    }

    private ReceivedPacket next() throws InterruptedException {
        ReceivedPacket packet = inbox.poll(LIMIT_MS, TimeUnit.MILLISECONDS);
        assertThat(packet).as("a packet").isNotNull();
        return packet;
    }

    private static void assertRight(ReceivedPacket packet, byte[] frame, GuestRss rss) {
        assertThat(packet.frame()).isEqualTo(frame);
        Expectation.Answer answer = Expectation.of(frame, rss);
        assertThat(new Expectation.Answer(packet.queue(), packet.hashValue(), packet.hashReport()))
                .isEqualTo(answer);
    }

    /** A broadcast datagram of a flow of its own; its payload begins with the number. */
    private static byte[] udp(int number) {
        byte[] source = {10, 0, 0, (byte) (1 + number)};
        byte[] destination = {10, 0, 0, (byte) 255};
        byte[] payload = ByteBuffer.allocate(30 + number % 100).putInt(number).array();
        byte[] datagram = Frames.udp(source, destination, 4000 + number, 5000, payload);
        byte[] packet = Frames.ipv4(source, destination, Frames.PROTOCOL_UDP, datagram);
        return Frames.ethernet(BROADCAST, HOST_MAC, Frames.ETHERTYPE_IPV4, packet);
    }
}
