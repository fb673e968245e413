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
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.channel.VirtioNetHeader;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.PacketSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What arrives, and how, under the features, buffers and filters that a driver chose: also under unusual ones. */
@RequiresTap
@RequiresBpf
@ParameterizedClass
@MethodSource("settings")
class NegotiatedDeliveryTest {
    private static final int IP = 14;
    private static final int TRANSPORT = 34;
    private static final int UDP_CHECKSUM = 6;
    private static final int TCP_CHECKSUM = 16;
    private static final int MTU_FRAME_BYTES = 1514;
    /** Fewer than a TAP queue holds. */
    private static final int BURST = 300;

    private static final byte[] OTHER_MAC = HexFormat.of().parseHex("0200000000ee");
    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    @Parameter(0)
    private IoEngine engine;

    @Parameter(1)
    private HashSourceChoice source;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private EmulatorBench bench;

    static Stream<Arguments> settings() {
        return Stream.of(IoEngine.values())
                .flatMap(engine -> Stream.of(HashSourceChoice.DEVICE, HashSourceChoice.EBPF)
                        .map(source -> Arguments.of(engine, source)));
    }

    @BeforeEach
    void open() throws Exception {
        bench = new EmulatorBench(engine, source);
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
    }

    /** The whole ring holds a few frames: the others wait in the TAP, and none is read for want of room and dropped. */
    @Test
    void fewTinyMergeableBuffers() throws Exception {
        Random random = seeded();
        try (FakeGuest guest = bench.guest(inbox)
                .queuePairs(1)
                .queueSize(64)
                .receiveBufferBytes(128)
                .connect()) {
            List<byte[]> sent = new ArrayList<>();
            for (int i = 0; i < BURST; i++) {
                sent.add(bench.frame(60 + random.nextInt(MTU_FRAME_BYTES - 60 + 1)));
            }
            for (byte[] frame : sent) {
                bench.sendToGuest(frame);
            }
            int header = guestHeaderBytes(guest);
            for (byte[] frame : sent) {
                ReceivedPacket received = next();
                assertThat(received.frame()).isEqualTo(frame);
                assertThat(received.numBuffers()).isEqualTo(Math.ceilDiv(header + frame.length, 128));
            }
            assertThat(bench.counted(Counter.RX_NO_BUFFERS)).isZero();
            expectAllBuffersBack(guest);
        }
    }

    /** VIRTIO 1.3, 5.1.6.4.1: without GUEST_CSUM flags are zero, so the kernel has to complete the checksum. */
    @Test
    void flagsAreZeroAndChecksumsCompleteWithoutGuestCsum() throws Exception {
        int pseudoHeaderSum = 0x1234;
        byte[] frame = ipv4(17, 200);
        ByteBuffer.wrap(frame).putShort(TRANSPORT + UDP_CHECKSUM, (short) pseudoHeaderSum);
        try (FakeGuest guest =
                bench.guest(inbox).without(GuestFeature.GUEST_CSUM).connect()) {
            assertThat(GuestFeature.GUEST_CSUM.in(guest.ackedFeatures())).isFalse();
            sendPartial(frame);
            ReceivedPacket received = next();
            assertThat(received.flags()).isZero();
            assertThat(received.gsoType()).isZero();
            assertThat(received.frame()).hasSameSizeAs(frame).isNotEqualTo(frame);
            assertThat(onesComplementSum(received.frame(), TRANSPORT)).isEqualTo(0xFFFF - pseudoHeaderSum);
            byte[] plain = bench.frame();
            bench.sendToGuest(plain);
            assertThat(next().flags()).isZero();
        }
        // The same frame to a driver that takes it unfinished: it arrives as it was sent.
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            assertThat(GuestFeature.GUEST_CSUM.in(guest.ackedFeatures())).isTrue();
            sendPartial(frame);
            ReceivedPacket received = next();
            assertThat(received.flags()).isEqualTo(TransmitPacket.NEEDS_CSUM);
            assertThat(received.csumStart()).isEqualTo(TRANSPORT);
            assertThat(received.csumOffset()).isEqualTo(UDP_CHECKSUM);
            assertThat(received.frame()).isEqualTo(frame);
        }
    }

    @Test
    void macSetByTheDriverIsInTheConfigurationSpaceUntilReset() throws Exception {
        byte[] before;
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            before = guest.mac();
            assertThat(ack(guest.control().setMac(OTHER_MAC))).isEqualTo(ControlQueueClient.OK);
            assertThat(guest.readConfig().mac()).isEqualTo(OTHER_MAC);
        }
        await("the front-end is still there", () -> !bench.emulator().snapshot().connected());
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            assertThat(guest.mac()).isEqualTo(before);
        }
    }

    @Test
    void framesForOthersAreFilteredAndCostNoBuffer() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            assertThat(ack(guest.control().setReceiveMode(ControlQueueClient.RX_PROMISC, false)))
                    .isEqualTo(ControlQueueClient.OK);
            byte[] other = addressedTo(OTHER_MAC);
            // More than all rings have buffers.
            for (int burst = 1; burst <= 3; burst++) {
                for (int i = 0; i < BURST; i++) {
                    bench.sendToGuest(other);
                }
                long expected = (long) burst * BURST;
                await("not all were filtered", () -> bench.counted(Counter.RX_FILTERED) == expected);
            }
            for (int i = 0; i < BURST; i++) {
                byte[] own = addressedTo(guest.mac());
                bench.sendToGuest(own);
                assertThat(next().frame()).isEqualTo(own);
            }
            assertThat(inbox).isEmpty();
            assertThat(bench.counted(Counter.RX_FILTERED)).isEqualTo(3L * BURST);
            expectAllBuffersBack(guest);
        }
    }

    @Test
    void vlanFilter() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).with(GuestFeature.CTRL_VLAN).connect()) {
            assertThat(ack(guest.control().setReceiveMode(ControlQueueClient.RX_PROMISC, false)))
                    .isEqualTo(ControlQueueClient.OK);
            expectFiltered(tagged(5));
            assertThat(ack(guest.control().addVlan(5))).isEqualTo(ControlQueueClient.OK);
            expectDelivered(tagged(5));
            expectFiltered(tagged(6));
            expectDelivered(bench.frame());
            assertThat(ack(guest.control().removeVlan(5))).isEqualTo(ControlQueueClient.OK);
            expectFiltered(tagged(5));
            assertThat(ack(guest.control().addVlan(4096))).isEqualTo(ControlQueueClient.ERR);
            expectDelivered(bench.frame());
        }
    }

    /** Neither VERSION_1 nor MRG_RXBUF: a header of 10 bytes, num_buffers does not exist. */
    @Test
    void legacyDriver() throws Exception {
        try (FakeGuest guest = bench.guest(inbox)
                .queueSize(64)
                .without(GuestFeature.VERSION_1, GuestFeature.MRG_RXBUF, GuestFeature.HASH_REPORT, GuestFeature.RSS)
                .connect()) {
            assertThat(guestHeaderBytes(guest)).isEqualTo(10);
            expectFramesBothWays(guest, 10);
        }
    }

    /** One buffer for a packet, however long: of one descriptor, and of many. */
    @Test
    void bigBuffersWithoutMerging() throws Exception {
        for (int pieceBytes : new int[] {Integer.MAX_VALUE, 4096}) {
            try (FakeGuest guest = bench.guest(inbox)
                    .queueSize(64)
                    .receivePieceBytes(pieceBytes)
                    .without(GuestFeature.MRG_RXBUF)
                    .connect()) {
                int header = guestHeaderBytes(guest);
                expectFramesBothWays(guest, header);
                byte[] large = ipv4(6, 40_000);
                large[TRANSPORT + 12] = 5 << 4;
                bench.hostWithHeader()
                        .sendSegmented(
                                large,
                                large.length,
                                TransmitPacket.GSO_TCPV4,
                                TRANSPORT + 20,
                                1000,
                                TRANSPORT,
                                TCP_CHECKSUM);
                ReceivedPacket received = next();
                assertThat(received.frame()).isEqualTo(large);
                assertThat(received.gsoType()).isEqualTo(TransmitPacket.GSO_TCPV4);
                assertThat(received.gsoSize()).isEqualTo(1000);
                assertThat(received.numBuffers()).isEqualTo(1);
                assertThat(received.usedBytes()).isEqualTo(header + large.length);
                expectAllBuffersBack(guest);
            }
            await(
                    "the front-end is still there",
                    () -> !bench.emulator().snapshot().connected());
        }
    }

    /** All indexes start just below 65,536 and wrap on every queue in both directions. */
    @Test
    void indexesWrapOnEveryQueue() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).ringBase(65_530).connect()) {
            for (int pair = 0; pair < EmulatorBench.QUEUE_PAIRS; pair++) {
                // Commands enough for the control queue's indexes to wrap too.
                for (int i = 0; i < 10; i++) {
                    assertThat(ack(guest.control()
                                    .setRss(0x3F, 0, pair, new int[] {pair}, EmulatorBench.QUEUE_PAIRS, KEY)))
                            .isEqualTo(ControlQueueClient.OK);
                }
                for (int i = 0; i < 20; i++) {
                    byte[] down = bench.frame();
                    bench.sendToGuest(down);
                    ReceivedPacket received = next();
                    assertThat(received.frame()).isEqualTo(down);
                    assertThat(received.queue()).isEqualTo(pair);
                    expectAtHost(guest, pair, bench.frame());
                }
            }
            for (Vring vring : guest.vrings()) {
                assertThat(vring.queue().rawUsedIndex())
                        .as("used index of virtqueue %d", vring.index())
                        .isLessThan(1000);
            }
            expectAllBuffersBack(guest);
        }
    }

    /** A change of offloads waits for the frames queued before it, but not for those that go on coming. */
    @Test
    void offloadsChangeUnderAFlood() throws Exception {
        try (FakeGuest guest = bench.guest(new DiscardingQueue()).connect()) {
            long all = guest.ackedFeatures()
                    & GuestFeature.of(
                            GuestFeature.GUEST_CSUM,
                            GuestFeature.GUEST_TSO4,
                            GuestFeature.GUEST_TSO6,
                            GuestFeature.GUEST_ECN,
                            GuestFeature.GUEST_USO4,
                            GuestFeature.GUEST_USO6);
            AtomicBoolean stop = new AtomicBoolean();
            byte[] frame = bench.frame();
            PacketSocket host = bench.host();
            CompletableFuture<Void> flood = CompletableFuture.runAsync(() -> {
                try {
                    while (!stop.get()) {
                        host.send(frame, frame.length);
                    }
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            try {
                await("no flood", () -> bench.counted(Counter.RX_PACKETS) > 1000);
                for (long offloads : new long[] {0, all, 0, all}) {
                    assertThat(ack(guest.control().setGuestOffloads(offloads))).isEqualTo(ControlQueueClient.OK);
                }
            } finally {
                stop.set(true);
                flood.get(10, TimeUnit.SECONDS);
            }
        }
        bench.proveItServes();
    }

    /** Keeps nothing. */
    private static final class DiscardingQueue extends LinkedBlockingQueue<ReceivedPacket> {
        private static final long serialVersionUID = 1;

        @Override
        public boolean add(ReceivedPacket packet) {
            return true;
        }
    }

    private void expectFramesBothWays(FakeGuest guest, int headerBytes) throws Exception {
        for (int bytes : new int[] {14, 60, 61, 1000, MTU_FRAME_BYTES}) {
            byte[] up = bench.frame(Math.max(bytes, 60));
            expectAtHost(guest, bytes % EmulatorBench.QUEUE_PAIRS, up);
            byte[] down = bench.frame(Math.max(bytes, 16));
            bench.sendToGuest(down);
            ReceivedPacket received = next();
            assertThat(received.frame()).isEqualTo(down);
            assertThat(received.numBuffers()).isEqualTo(1);
            assertThat(received.usedBytes()).isEqualTo(headerBytes + down.length);
        }
    }

    private void expectAtHost(FakeGuest guest, int queue, byte[] frame) throws Exception {
        guest.channel().writeAndFlush(TransmitPacket.plain(queue, frame)).sync();
        await("the frame from the guest did not arrive", () -> bench.hostReceives(frame));
    }

    private void expectDelivered(byte[] frame) throws Exception {
        bench.sendToGuest(frame);
        assertThat(next().frame()).isEqualTo(frame);
    }

    private void expectFiltered(byte[] frame) throws Exception {
        long before = bench.counted(Counter.RX_FILTERED);
        bench.sendToGuest(frame);
        await("not filtered", () -> bench.counted(Counter.RX_FILTERED) == before + 1);
        assertThat(inbox).isEmpty();
    }

    /** Ends the receive rings: what the device took of them it has used, or leaves for the next to take. */
    private static void expectAllBuffersBack(FakeGuest guest) throws Exception {
        for (Vring vring : guest.vrings()) {
            guest.frontEnd().setVringEnable(vring.index(), false);
            int next = guest.frontEnd().getVringBase(vring.index());
            assertThat(vring.queue().rawUsedIndex())
                    .as("used index of virtqueue %d", vring.index())
                    .isEqualTo(next);
        }
    }

    private ReceivedPacket next() throws InterruptedException {
        ReceivedPacket packet = inbox.poll(10, TimeUnit.SECONDS);
        assertThat(packet).as("no frame; %s", bench.emulator().snapshot()).isNotNull();
        return packet;
    }

    private static int ack(CompletableFuture<Integer> command) throws Exception {
        return command.get(10, TimeUnit.SECONDS);
    }

    private static int guestHeaderBytes(FakeGuest guest) {
        return VirtioNetHeader.bytes(guest.ackedFeatures());
    }

    private byte[] addressedTo(byte[] mac) {
        byte[] frame = bench.frame();
        System.arraycopy(mac, 0, frame, 0, mac.length);
        return frame;
    }

    private byte[] tagged(int vlan) {
        byte[] frame = bench.frame();
        ByteBuffer.wrap(frame).putInt(12, 0x8100_0000 | vlan).putShort(16, (short) 0x88B5);
        return frame;
    }

    /** A broadcast frame with an IPv4 packet that has so many bytes of transport header and data; no checksums. */
    private static byte[] ipv4(int protocol, int transportBytes) {
        ByteBuffer frame = ByteBuffer.allocate(TRANSPORT + transportBytes);
        frame.put(HexFormat.of().parseHex("ffffffffffff" + "020000000099" + "0800"));
        frame.put(IP, (byte) 0x45).putShort(IP + 2, (short) (20 + transportBytes));
        frame.put(IP + 8, (byte) 64).put(IP + 9, (byte) protocol);
        frame.putInt(IP + 12, 0x0A090001).putInt(IP + 16, 0x0A090002);
        frame.putShort(TRANSPORT, (short) 4000).putShort(TRANSPORT + 2, (short) 5000);
        if (protocol == 17) {
            frame.putShort(TRANSPORT + 4, (short) transportBytes);
        }
        return frame.array();
    }

    private void sendPartial(byte[] frame) throws Exception {
        ByteBuffer message =
                ByteBuffer.allocate(PacketSocket.HEADER_BYTES + frame.length).order(ByteOrder.nativeOrder());
        message.put((byte) PacketSocket.NEEDS_CSUM).put((byte) 0).putInt(0);
        message.putShort((short) TRANSPORT).putShort((short) UDP_CHECKSUM).put(frame);
        assertThat(bench.hostWithHeader().send(message.array(), message.capacity()))
                .isEqualTo(message.capacity());
    }

    private static int onesComplementSum(byte[] frame, int from) {
        int sum = 0;
        for (int i = from; i < frame.length; i++) {
            sum += (frame[i] & 0xFF) << ((i - from) % 2 == 0 ? 8 : 0);
        }
        while (sum > 0xFFFF) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return sum;
    }

    private static Random seeded() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        return new Random(seed);
    }
}
