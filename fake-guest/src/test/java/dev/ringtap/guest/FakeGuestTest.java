// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.ring.DeviceFaultException;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.guest.vhost.VhostUserException;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The whole driver against a back-end double that receives what it transmits. */
@Timeout(30)
class FakeGuestTest {
    private final BlockingQueue<ReceivedPacket> received = new LinkedBlockingQueue<>();
    private final BlockingQueue<Throwable> faults = new LinkedBlockingQueue<>();
    private BackEndDouble backEnd;
    private Path socket;

    @BeforeEach
    void bind(@TempDir Path directory) throws Exception {
        socket = directory.resolve("vhost.sock");
        backEnd = new BackEndDouble(socket);
    }

    @AfterEach
    void stop() throws Exception {
        backEnd.start();
        backEnd.close();
        assertThat(backEnd.failure).isNull();
    }

    private FakeGuest connect(UnaryOperator<FakeGuest.Builder> options) throws Exception {
        backEnd.start();
        return options.apply(FakeGuest.builder(socket).pipeline(this::collect)).connect();
    }

    private void collect(ChannelPipeline pipeline) {
        pipeline.addLast(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelRead(ChannelHandlerContext context, Object message) {
                received.add((ReceivedPacket) message);
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                faults.add(cause);
            }
        });
    }

    private ReceivedPacket next() throws InterruptedException {
        ReceivedPacket packet = received.poll(10, TimeUnit.SECONDS);
        assertThat(packet).as("packet; back-end: %s", backEnd.failure).isNotNull();
        return packet;
    }

    private static byte[] frame(int length, int seed) {
        byte[] frame = new byte[length];
        new Random(seed).nextBytes(frame);
        return frame;
    }

    /** Sends frames of many sizes over all pairs and wants each back, byte by byte, in order, on its pair. */
    private void loop(FakeGuest guest, int largestBytes) throws Exception {
        int pairs = guest.queuePairs();
        List<ChannelFuture> writes = new ArrayList<>();
        List<byte[]> sent = new ArrayList<>();
        int[] sizes = {14, 60, 1514, 1515, 1524, 1525, 2048, 4076, 4084, 4085, 9000, 65549};
        for (int i = 0; i < 40 * pairs; i++) {
            byte[] frame = frame(Math.min(largestBytes, sizes[i / pairs % sizes.length]), i);
            sent.add(frame);
            writes.add(guest.channel().write(TransmitPacket.plain(i % pairs, frame)));
        }
        guest.channel().flush();
        for (ChannelFuture write : writes) {
            assertThat(write.await(10, TimeUnit.SECONDS)).isTrue();
            assertThat(write.cause()).isNull();
        }
        List<List<byte[]>> byPair = new ArrayList<>();
        for (int pair = 0; pair < pairs; pair++) {
            byPair.add(new ArrayList<>());
        }
        for (int i = 0; i < sent.size(); i++) {
            ReceivedPacket packet = next();
            byPair.get(packet.queue()).add(packet.frame());
        }
        for (int i = 0; i < sent.size(); i++) {
            assertThat(byPair.get(i % pairs).get(i / pairs)).as("frame %d", i).isEqualTo(sent.get(i));
        }
        assertThat(received).isEmpty();
        assertThat(faults).isEmpty();
    }

    @Test
    void framesOfEverySizeComeBackOnTheirQueuePair() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(4))) {
            assertThat(guest.ackedFeatures()).isEqualTo(backEnd.features);
            loop(guest, 65549);
        }
    }

    @Test
    void ringIndexesWrap() throws Exception {
        try (FakeGuest guest = connect(
                options -> options.queuePairs(2).queueSize(16).ringBase(65_534).receiveBufferBytes(8192))) {
            loop(guest, 65549);
        }
        assertThat(backEnd.basesReturned.get(1)).isEqualTo(65_534 + 40 & 0xFFFF);
    }

    @Test
    void worksWithoutEventIndexAndIndirectDescriptors() throws Exception {
        try (FakeGuest guest = connect(options ->
                options.queuePairs(2).queueSize(64).without(GuestFeature.EVENT_IDX, GuestFeature.INDIRECT_DESC))) {
            assertThat(GuestFeature.EVENT_IDX.in(guest.ackedFeatures())).isFalse();
            loop(guest, 65549);
        }
        assertThat(backEnd.chainLengths).contains(17);
    }

    @Test
    void buffersLieAcrossMemoryRegions() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(2)
                .queueSize(32)
                .memoryRegions(8)
                .memoryBytes(4 << 20)
                .headerApart(true)
                .receivePieceBytes(700))) {
            assertThat(guest.ram().regions()).hasSize(8);
            loop(guest, 40_000);
        }
    }

    @Test
    void bigReceiveBuffersHoldTheLargestPacketWithoutMerging() throws Exception {
        try (FakeGuest guest = connect(
                options -> options.queueSize(32).without(GuestFeature.MRG_RXBUF).receivePieceBytes(4096))) {
            loop(guest, 65549);
        }
        assertThat(backEnd.chainLengths).contains(17);
    }

    @Test
    void worksWithoutProtocolFeatures() throws Exception {
        backEnd.features &= ~BackEndDouble.bits(30);
        try (FakeGuest guest = connect(options -> options)) {
            assertThat(guest.configSpace()).isEmpty();
            loop(guest, 2048);
        }
        assertThat(backEnd.requests).doesNotContain(15, 16, 18, 24, 39);
    }

    @Test
    void worksWithoutAcknowledgements() throws Exception {
        backEnd.protocolFeatures &= ~BackEndDouble.bits(3);
        try (FakeGuest guest = connect(options -> options.queuePairs(2))) {
            loop(guest, 2048);
        }
    }

    @Test
    void headerHasTenBytesOnlyForALegacyDeviceWithoutMerging() throws Exception {
        backEnd.features &= ~BackEndDouble.bits(15, 17, 18, 20, 22, 23, 32, 57, 60);
        try (FakeGuest guest = connect(options -> options)) {
            loop(guest, 2048);
        }
        assertThat(backEnd.transmittedHeaders)
                .allSatisfy(header -> assertThat(header).containsOnly(0).hasSize(10));
    }

    @Test
    void reportsTheDevicesHeader() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(2).receiveBufferBytes(128))) {
            byte[] frame = frame(1000, 1);
            guest.channel().writeAndFlush(new TransmitPacket(1, frame, 1, 4, 54, 1400, 34, 16));
            ReceivedPacket packet = next();
            assertThat(packet.queue()).isEqualTo(1);
            assertThat(packet.flags()).isEqualTo(1);
            assertThat(packet.gsoType()).isEqualTo(4);
            assertThat(packet.hdrLen()).isEqualTo(54);
            assertThat(packet.gsoSize()).isEqualTo(1400);
            assertThat(packet.csumStart()).isEqualTo(34);
            assertThat(packet.csumOffset()).isEqualTo(16);
            assertThat(packet.numBuffers()).isEqualTo(8);
            assertThat(packet.hashValue()).isEqualTo(0x01020304);
            assertThat(packet.hashReport()).isEqualTo(2);
            assertThat(packet.usedBytes()).isEqualTo(1020);
            assertThat(packet.frame()).isEqualTo(frame);
        }
        byte[] header = {1, 4, 54, 0, 0x78, 5, 34, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        assertThat(backEnd.transmittedHeaders).containsExactly(header);
    }

    @Test
    void byteBufGoesOutOnTheFirstPair() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(2))) {
            byte[] frame = frame(77, 1);
            var buffer = Unpooled.copiedBuffer(frame);
            guest.channel().writeAndFlush(buffer).sync();
            assertThat(buffer.refCnt()).isZero();
            ReceivedPacket packet = next();
            assertThat(packet.queue()).isZero();
            assertThat(packet.frame()).isEqualTo(frame);
        }
    }

    @Test
    void readsTheConfigurationSpace() throws Exception {
        try (FakeGuest guest = connect(options -> options)) {
            assertThat(guest.configSpace()).hasSize(24);
            assertThat(guest.mac()).isEqualTo(backEnd.mac);
            assertThat(guest.maxQueuePairs()).isEqualTo(4);
            assertThat(guest.rssMaxTableLength()).isEqualTo(128);
            assertThat(guest.supportedHashTypes()).isEqualTo(0x1FF);
            DeviceConfig config = guest.readConfig();
            assertThat(config.mtu()).isEqualTo(1500);
            assertThat(config.linkUp()).isTrue();
            assertThat(config.rssMaxKeyBytes()).isEqualTo(40);
            assertThat(guest.offeredFeatures()).isEqualTo(backEnd.features);
        }
        assertThat(backEnd.status).isEqualTo(1 | 2 | 4 | 8);
    }

    @Test
    void anAnnouncedChangeOfTheConfigurationIsReadAndPassedOn() throws Exception {
        BlockingQueue<Object> events = new LinkedBlockingQueue<>();
        CompletableFuture<Long> unknown = new CompletableFuture<>();
        CompletableFuture<Long> change = new CompletableFuture<>();
        try (FakeGuest guest = connect(options -> options.pipeline(pipeline -> pipeline.addLast(userEvents(events))))) {
            backEnd.linkStatus = 2;
            backEnd.work.add(device -> {
                device.ask(99);
                unknown.complete(device.answer());
                device.ask(2);
                change.complete(device.answer());
            });
            assertThat(unknown.get(10, TimeUnit.SECONDS)).isEqualTo(1);
            assertThat(change.get(10, TimeUnit.SECONDS)).isZero();
            DeviceConfig config = (DeviceConfig) events.poll(10, TimeUnit.SECONDS);
            assertThat(config.linkUp()).isFalse();
            assertThat(config.announce()).isTrue();
            assertThat(guest.config()).isSameAs(config);
        }
    }

    private static ChannelInboundHandlerAdapter userEvents(BlockingQueue<Object> events) {
        return new ChannelInboundHandlerAdapter() {
            @Override
            public void userEventTriggered(ChannelHandlerContext context, Object event) {
                events.add(event);
            }
        };
    }

    @Test
    void aLoopOfTheCallersServesSeveralGuests() throws Exception {
        EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        try {
            for (int i = 0; i < 2; i++) {
                try (FakeGuest guest = connect(options -> options.eventLoopGroup(group))) {
                    loop(guest, 1514);
                    CompletableFuture<Void> closing = CompletableFuture.runAsync(
                            guest::close, guest.channel().eventLoop());
                    assertThatThrownBy(() -> closing.get(10, TimeUnit.SECONDS))
                            .hasCauseInstanceOf(IllegalStateException.class)
                            .hasMessageContaining("event loop");
                }
            }
        } finally {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
        }
    }

    @Test
    void closesEvenIfTheCallersLoopHasEnded() throws Exception {
        EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        try (FakeGuest guest = connect(options -> options.eventLoopGroup(group))) {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
            assertThat(guest.channel().eventLoop().isTerminated()).isTrue();
        }
    }

    @Test
    void writePromiseIsDoneOnlyWhenTheDeviceHasUsedTheFrame() throws Exception {
        backEnd.transmitStopped = true;
        try (FakeGuest guest = connect(options -> options.queueSize(8))) {
            // More than the ring holds: the rest waits in the channel.
            List<ChannelFuture> writes = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                writes.add(guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(1400, i))));
            }
            CompletableFuture<Boolean> writable = new CompletableFuture<>();
            guest.channel()
                    .eventLoop()
                    .execute(() -> writable.complete(guest.channel().isWritable()));
            assertThat(writable.get()).isFalse();
            assertThat(writes).noneMatch(ChannelFuture::isDone);

            backEnd.transmitStopped = false;
            for (int i = 0; i < 100; i++) {
                assertThat(next().frame()).isEqualTo(frame(1400, i));
            }
            assertThat(writes)
                    .allSatisfy(write -> assertThat(write.await(10_000)).isTrue());
        }
    }

    @Test
    void framesStillWithTheDeviceFailWhenTheGuestCloses() throws Exception {
        backEnd.transmitStopped = true;
        List<ChannelFuture> writes = new ArrayList<>();
        try (FakeGuest guest = connect(options -> options.queueSize(4))) {
            for (int i = 0; i < 10; i++) {
                writes.add(guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(60, i))));
            }
        }
        assertThat(writes).allSatisfy(write -> {
            assertThat(write.isDone()).isTrue();
            assertThat(write.cause()).isInstanceOf(ClosedChannelException.class);
        });
    }

    @Test
    void refusesToWriteWhatNeverFits() throws Exception {
        try (FakeGuest guest = connect(options -> options)) {
            ChannelFuture queue = guest.channel().writeAndFlush(TransmitPacket.plain(1, frame(60, 1)));
            assertThat(queue.await().cause()).hasMessageContaining("transmit queue 1: there are 1");
            ChannelFuture length = guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(3_000_000, 1)));
            assertThat(length.await().cause()).hasMessageContaining("3000000 bytes");
            ChannelFuture type = guest.channel().writeAndFlush("frame");
            assertThat(type.await().cause()).isInstanceOf(UnsupportedOperationException.class);
            loop(guest, 2048);
        }
    }

    @Test
    void withoutAutoReadPacketsWaitInTheRing() throws Exception {
        try (FakeGuest guest = connect(options ->
                options.pipeline(pipeline -> pipeline.channel().config().setAutoRead(false)))) {
            guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(60, 1))).sync();
            guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(61, 2))).sync();
            assertThat(received).isEmpty();
            guest.channel().config().setAutoRead(true);
            assertThat(next().frame()).hasSize(60);
            assertThat(next().frame()).hasSize(61);
        }
    }

    // ---- The control queue

    @Test
    void commandsAreEncodedAsTheSpecificationSays() throws Exception {
        backEnd.control = command -> command[0] == 0 ? 1 : 0;
        byte[] key = {1, 2, 3};
        try (FakeGuest guest = connect(options -> options.queuePairs(2).activateQueuePairs(false))) {
            ControlQueueClient control = guest.control();
            assertThat(control.setQueuePairs(2).join()).isEqualTo(ControlQueueClient.OK);
            assertThat(control.setReceiveMode(ControlQueueClient.RX_ALLMULTI, true)
                            .join())
                    .isEqualTo(ControlQueueClient.ERR);
            control.setRss(0x1FF, 3, 1, new int[] {0, 1, 0, 256}, 2, key).join();
            control.setHash(0x3F, key).join();
            control.setMac(new byte[] {2, 0, 0, 0, 0, 9}).join();
            control.setMacTable(List.of(new byte[] {2, 1, 1, 1, 1, 1}), List.of())
                    .join();
            control.setGuestOffloads(0x80).join();
            control.addVlan(0x123).join();
            control.removeVlan(5).join();
            control.acknowledgeAnnouncement().join();
        }
        assertThat(backEnd.commands)
                .containsExactly(
                        bytes(4, 0, 2, 0),
                        bytes(0, 1, 1),
                        bytes(4, 1, 0xFF, 1, 0, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 3, 1, 2, 3),
                        bytes(4, 2, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3),
                        bytes(1, 1, 2, 0, 0, 0, 0, 9),
                        bytes(1, 0, 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0),
                        bytes(5, 0, 0x80, 0, 0, 0, 0, 0, 0, 0),
                        bytes(2, 0, 0x23, 1),
                        bytes(2, 1, 5, 0),
                        bytes(3, 0));
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    @Test
    void commandsMayBeCutIntoDescriptorsAnywhere() throws Exception {
        byte[] command = bytes(4, 0, 1, 0);
        try (FakeGuest guest = connect(options -> options.queuePairs(1))) {
            guest.control().raw(command).join();
            guest.control().raw(command, 1, 1, 1, 1).join();
            guest.control().raw(command, 3).join();
            guest.control().raw(new byte[0]).join();
        }
        assertThat(backEnd.commands).containsExactly(command, command, command, new byte[0]);
        assertThat(backEnd.chainLengths).containsExactly(3, 5, 3, 1);
    }

    @Test
    void manyCommandsAtOnceKeepTheirOrder() throws Exception {
        try (FakeGuest guest = connect(options -> options)) {
            List<CompletableFuture<Integer>> acks = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                acks.add(guest.control().addVlan(i));
            }
            CompletableFuture.allOf(acks.toArray(CompletableFuture[]::new)).get(10, TimeUnit.SECONDS);
        }
        for (int i = 0; i < 300; i++) {
            assertThat(backEnd.commands.get(i)).isEqualTo(bytes(2, 0, i & 0xFF, i >> 8));
        }
    }

    @Test
    void anAckTheDeviceDidNotWriteIsToldFromOk() throws Exception {
        backEnd.control = command -> -1;
        try (FakeGuest guest = connect(options -> options)) {
            assertThat(guest.control().addVlan(1).join()).isEqualTo(ControlQueueClient.NOT_WRITTEN);
        }
    }

    @Test
    void controlQueueComesAfterThoseOfAllPairsTheDeviceHas() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(2))) {
            assertThat(guest.vrings()).extracting(Vring::index).containsExactly(0, 1, 2, 3, 8);
        }
        try (FakeGuest guest = connect(options -> options.without(GuestFeature.MQ, GuestFeature.RSS))) {
            assertThat(guest.vrings()).extracting(Vring::index).containsExactly(0, 1, 2);
            assertThat(guest.control().addVlan(1).join()).isZero();
        }
    }

    // ---- Failures

    @Test
    void aRefusedMessageIsReportedByName() throws Exception {
        backEnd.refused.add(9);
        assertThatThrownBy(() -> connect(options -> options))
                .isInstanceOf(VhostUserException.class)
                .hasMessageContaining("SET_VRING_ADDR");
    }

    @Test
    void aSilentBackEndIsReported() throws Exception {
        backEnd.silent = true;
        assertThatThrownBy(() -> connect(options -> options.replyTimeout(Duration.ofMillis(50))))
                .isInstanceOf(VhostUserException.class)
                .hasMessageContaining("no reply to GET_FEATURES")
                .hasMessageContaining(
                        "is another front-end connected to " + socket + "? A back-end serves one at a time");
    }

    @Test
    void aBackEndThatHangsUpAtOnceMayServeAnother(@TempDir Path directory) throws Exception {
        Path busy = directory.resolve("busy.sock");
        try (var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(busy));
            Thread turnAway = Thread.startVirtualThread(() -> {
                try {
                    listener.accept().close();
                } catch (IOException e) {
                    // Nobody came: the test says so.
                }
            });
            assertThatThrownBy(() -> FakeGuest.builder(busy).connect())
                    .isInstanceOf(VhostUserException.class)
                    .hasMessageContaining("GET_FEATURES")
                    .hasMessageContaining("is another front-end connected to " + busy + "?");
            turnAway.join();
        }
    }

    @Test
    void unwantedFeaturesAreReported() throws Exception {
        backEnd.featuresNotOk = true;
        assertThatThrownBy(() -> connect(options -> options))
                .isInstanceOf(VhostUserException.class)
                .hasMessageContaining("does not take these features");
    }

    @Test
    void moreQueuePairsThanTheDeviceHasAreReported() throws Exception {
        assertThatThrownBy(() -> connect(options -> options.queuePairs(5)))
                .hasMessageContaining("5 queue pairs asked for, but the device has 4");
    }

    @Test
    void tooLittleMemoryIsReported() throws Exception {
        assertThatThrownBy(() -> connect(options -> options.memoryBytes(4096)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("guest memory of 4096 bytes");
    }

    @Test
    void aRefusedQueuePairsCommandIsReported() throws Exception {
        backEnd.control = command -> 1;
        assertThatThrownBy(() -> connect(options -> options.queuePairs(2))).hasMessageContaining("VQ_PAIRS_SET of 2");
    }

    @Test
    void aVanishingBackEndClosesTheChannel() throws Exception {
        backEnd.transmitStopped = true;
        try (FakeGuest guest = connect(options -> options)) {
            ChannelFuture write = guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(60, 1)));
            backEnd.hangUp();
            assertThat(guest.channel().closeFuture().await(10, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(faults.poll(1, TimeUnit.SECONDS)).hasMessageContaining("closed the connection");
            assertThat(guest.channel().fault()).isInstanceOf(VhostUserException.class);
            assertThat(write.await().cause()).isInstanceOf(ClosedChannelException.class);
            assertThatThrownBy(() -> guest.control().addVlan(1).get(10, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(ClosedChannelException.class);
        }
    }

    @Test
    void anImpossibleUsedEntryClosesTheChannel() throws Exception {
        try (FakeGuest guest = connect(options -> options.queueSize(4))) {
            backEnd.work.add(device -> {
                device.use(device.ring(0), 77, 20);
                device.publish(device.ring(0));
            });
            assertThat(guest.channel().closeFuture().await(10, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(guest.channel().fault())
                    .isInstanceOf(DeviceFaultException.class)
                    .hasMessageContaining("names chain 77");
        }
    }

    @Test
    void aHeaderThatPromisesMoreBuffersThanAreUsedClosesTheChannel() throws Exception {
        backEnd.headerTail = bytes(2, 0);
        try (FakeGuest guest = connect(options -> options.receiveBufferBytes(80))) {
            guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(60, 1)));
            assertThat(guest.channel().closeFuture().await(10, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(guest.channel().fault()).hasMessageContaining("num_buffers 2, but only 1 used");
        }
    }

    @Test
    void aPartlyFilledBufferInTheMiddleClosesTheChannel() throws Exception {
        backEnd.headerTail = bytes(2, 0);
        try (FakeGuest guest = connect(options -> options)) {
            guest.channel().writeAndFlush(TransmitPacket.plain(0, frame(60, 1)));
            assertThat(guest.channel().closeFuture().await(10, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(guest.channel().fault()).hasMessageContaining("buffer 1 of 2 has 80 bytes");
        }
    }

    @Test
    void stopsEveryRingBeforeItLeaves() throws Exception {
        try (FakeGuest guest = connect(options -> options.queuePairs(2))) {
            loop(guest, 1514);
        }
        assertThat(backEnd.basesReturned.keySet()).containsExactly(0, 1, 2, 3, 8);
        assertThat(backEnd.basesReturned).containsEntry(1, 40).containsEntry(8, 1);
    }

    @Test
    void emptyBuffersThatComeBackWhenRingsStopAreNoFault() throws Exception {
        backEnd.returnsBuffersAtStop = true;
        FakeGuest last;
        try (FakeGuest guest = connect(options -> options)) {
            loop(guest, 1514);
            last = guest;
        }
        assertThat(last.channel().fault()).isNull();
        assertThat(faults).isEmpty();
    }

    @Test
    void anEmptyBufferIsAFaultWhileRingsRun() throws Exception {
        try (FakeGuest guest = connect(options -> options)) {
            backEnd.work.add(device -> {
                device.use(device.ring(0), device.takeHead(device.ring(0)), 0);
                device.publish(device.ring(0));
            });
            assertThat(guest.channel().closeFuture().await(10, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(guest.channel().fault()).hasMessageContaining("a used buffer of 0 bytes");
        }
    }

    @Test
    void theSameSocketServesOneGuestAfterAnother() throws Exception {
        for (int i = 0; i < 3; i++) {
            try (FakeGuest guest = connect(options -> options.queueSize(32))) {
                loop(guest, 2048);
            }
        }
    }

    @Test
    void kicksAndCallsAreSuppressedInBursts() throws Exception {
        try (FakeGuest guest = connect(options -> options)) {
            for (int i = 0; i < 200; i++) {
                guest.channel().write(TransmitPacket.plain(0, frame(60, i)));
            }
            guest.channel().flush();
            for (int i = 0; i < 200; i++) {
                next();
            }
            Vring transmit = guest.vrings().get(1);
            // One to start the ring, and few for the burst.
            assertThat(transmit.kicks()).isLessThan(20);
        }
    }

    @Test
    void optionsAreCheckedWhenTheyAreSet() {
        FakeGuest.Builder builder = FakeGuest.builder(socket);
        assertThatThrownBy(() -> builder.queueSize(100)).hasMessageContaining("power of two");
        assertThatThrownBy(() -> builder.queuePairs(0)).hasMessageContaining("queue pairs 0: must be 1 to 256");
        assertThatThrownBy(() -> builder.ringBase(65_536)).hasMessageContaining("ring base");
        assertThatThrownBy(() -> builder.memoryRegions(9)).hasMessageContaining("memory regions 9");
    }

    @Test
    void featuresWithoutTheirRequirementsAreNotAcknowledged() throws Exception {
        try (FakeGuest guest = connect(options -> options.without(GuestFeature.CTRL_VQ, GuestFeature.GUEST_CSUM))) {
            assertThat(guest.ackedFeatures()
                            & GuestFeature.of(
                                    GuestFeature.MQ,
                                    GuestFeature.RSS,
                                    GuestFeature.HASH_REPORT,
                                    GuestFeature.GUEST_TSO4,
                                    GuestFeature.GUEST_TSO6))
                    .isZero();
            assertThatThrownBy(guest::control).isInstanceOf(IllegalStateException.class);
            loop(guest, 1514);
        }
        assertThat(Arrays.asList(GuestFeature.describe(3), GuestFeature.describe(1L << 4)))
                .containsExactly("CSUM, GUEST_CSUM", "bit 4");
    }
}
