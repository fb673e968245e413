// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.hostile;

import static dev.ringtap.it.hostile.EmulatorBench.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.guest.vhost.FrontEnd;
import dev.ringtap.guest.vhost.FrontEndRequest;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import io.netty.channel.ChannelFuture;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Rings start, stop, break and start again; memory is swapped, front-ends and the TAP come and go: in any order. */
@RequiresTap
@RequiresBpf
@ParameterizedClass
@EnumSource(IoEngine.class)
class RingLifecycleTest {
    private static final Duration REPLY_LIMIT = Duration.ofSeconds(10);
    private static final int NEEDS_RESET = 64;
    private static final int HEADER_BYTES = 12;
    private static final int TRANSMITQ_1 = 1;
    private static final int TRANSMITQ_2 = 3;
    private static final int RINGS = 2 * EmulatorBench.QUEUE_PAIRS;
    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    private static final long PLAIN_FEATURES = GuestFeature.of(GuestFeature.VERSION_1, GuestFeature.PROTOCOL_FEATURES);

    @Parameter
    private IoEngine engine;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private EmulatorBench bench;

    @BeforeEach
    void open() throws Exception {
        bench = new EmulatorBench(engine);
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
    }

    /** A reset forgets rings: features and enables alone do not bring the old ones back over memory that may be reused. */
    @Test
    void ringsOfBeforeAResetStayStopped() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            FrontEnd frontEnd = guest.frontEnd();
            Vring transmit = guest.vrings().get(TRANSMITQ_1);
            frontEnd.resetDevice();
            int usedBefore = transmit.queue().rawUsedIndex();
            long deliveredBefore = bench.counted(Counter.RX_PACKETS);
            makeAvailable(transmit, 0, 0);
            frontEnd.setFeatures(guest.ackedFeatures());
            for (Vring vring : guest.vrings()) {
                frontEnd.setVringEnable(vring.index(), true);
                vring.kick();
            }
            bench.sendToGuest(bench.frame());
            for (Vring vring : guest.vrings()) {
                assertThat(frontEnd.getVringBase(vring.index()))
                        .as("base of virtqueue %d", vring.index())
                        .isZero();
            }
            assertThat(transmit.queue().rawUsedIndex()).isEqualTo(usedBefore);
            assertThat(bench.counted(Counter.RX_PACKETS)).isEqualTo(deliveredBefore);
        }
        bench.proveItServes();
    }

    /** A driver that breaks its ring after every reset costs no descriptors, and is served once it behaves. */
    @Test
    void brokenAgainAfterEveryReset() throws Exception {
        try (GuestRam ram = GuestRam.create(1 << 20, 1);
                FrontEnd frontEnd = connect(ram)) {
            Vring vring = transmitRing(ram, TRANSMITQ_1);
            byte[] frame = bench.frame();
            describeFrame(ram, vring, frame);
            long descriptors = 0;
            for (int round = 0; round < 6; round++) {
                frontEnd.setFeatures(PLAIN_FEATURES);
                vring.queue().rawAvailableIndex(1000);
                frontEnd.setUp(vring, 0);
                frontEnd.setVringEnable(TRANSMITQ_1, true);
                await("no err event in round " + round, () -> vring.errFd().drain() > 0);
                assertThat(frontEnd.getStatus() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
                if (round == 0) {
                    descriptors = EmulatorBench.openDescriptors();
                } else {
                    assertThat(EmulatorBench.openDescriptors()).isLessThanOrEqualTo(descriptors);
                }
                frontEnd.setStatus(0);
                assertThat(frontEnd.getStatus()).isZero();
            }
            frontEnd.setFeatures(PLAIN_FEATURES);
            vring.queue().rawAvailableEntry(0, 0);
            vring.queue().rawAvailableIndex(1);
            frontEnd.setUp(vring, 0);
            frontEnd.setVringEnable(TRANSMITQ_1, true);
            await("not served after the last reset", () -> bench.hostReceives(frame));
            vring.close();
        }
        bench.proveItServes();
    }

    /** All rings start together and one of them is broken from the beginning: none of the others is served after that. */
    @Test
    void noRingOutlivesTheFaultOfAnother() throws Exception {
        try (GuestRam ram = GuestRam.create(1 << 20, 1);
                FrontEnd frontEnd = connect(ram)) {
            List<Vring> vrings = new ArrayList<>();
            for (int i = 0; i < RINGS; i++) {
                Vring vring = transmitRing(ram, i);
                vrings.add(vring);
                describeFrame(ram, vring, bench.frame());
                if (i == TRANSMITQ_1) {
                    vring.queue().rawAvailableIndex(1000);
                }
                frontEnd.setUp(vring, 0);
                frontEnd.setVringEnable(i, true);
            }
            frontEnd.setFeatures(PLAIN_FEATURES);
            Vring other = vrings.get(TRANSMITQ_2);
            await("no err event on another ring", () -> other.errFd().drain() > 0);
            assertThat(frontEnd.getStatus() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
            makeAvailable(other, 0, 0);
            frontEnd.getVringBase(TRANSMITQ_2);
            assertThat(other.queue().rawUsedIndex()).isZero();
            vrings.forEach(Vring::close);
        }
        bench.proveItServes();
    }

    /**
     * CVE-2016-5403: a ring's worth of new chains while the device still holds a ring's worth for the next frame. The index
     * alone is within bounds: what is in flight has to be counted with it.
     */
    @Test
    void moreChainsInFlightThanTheRing() throws Exception {
        int size = 4;
        int bufferBytes = 128;
        try (GuestRam ram = GuestRam.create(1 << 20, 1);
                FrontEnd frontEnd = connect(ram)) {
            frontEnd.setFeatures(PLAIN_FEATURES | GuestFeature.MRG_RXBUF.mask());
            Vring vring = Vring.create(0, new DriverVirtqueue(ram, size, 0, false, 0));
            DriverVirtqueue queue = vring.queue();
            // All buffers together are shorter than a frame may be, so the device takes them all for the next one.
            for (int i = 0; i < size; i++) {
                long at = ram.allocate(bufferBytes, 16);
                queue.rawDescriptor(i, ram.guestAddress(at), bufferBytes, DriverVirtqueue.DESC_WRITE, 0);
                queue.rawAvailableEntry(i, i);
            }
            queue.rawAvailableIndex(size);
            frontEnd.setUp(vring, 0);
            frontEnd.setVringEnable(0, true);
            queue.rawAvailableIndex(2 * size);
            vring.kick();
            bench.sendToGuest(bench.frame());
            await("no err event", () -> vring.errFd().drain() > 0);
            assertThat(frontEnd.getStatus() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
            assertThat(queue.rawUsedIndex()).isLessThanOrEqualTo(2 * size);
            vring.close();
        }
        bench.proveItServes();
    }

    /** The last page of memory vanishes while a chain begins in it and good ones are before it. */
    @Test
    void memoryTruncatedInTheMiddleOfABurst() throws Exception {
        try (GuestRam ram = GuestRam.create(1 << 20, 1);
                FrontEnd frontEnd = connect(ram)) {
            frontEnd.setFeatures(PLAIN_FEATURES);
            Vring vring = transmitRing(ram, TRANSMITQ_1);
            DriverVirtqueue queue = vring.queue();
            for (int i = 0; i < 4; i++) {
                long at = i < 3 ? ram.allocate(128, 16) : ram.sizeBytes() - GuestRam.PAGE_BYTES;
                queue.rawDescriptor(i, ram.guestAddress(at), HEADER_BYTES + 64, 0, 0);
                queue.rawAvailableEntry(i, i);
            }
            queue.rawAvailableIndex(4);
            // The file begins with a page that is not the guest's, so this takes the guest's last one.
            assertThat(Posix.ftruncate(ram.fd(), ram.sizeBytes())).isZero();
            frontEnd.setUp(vring, 0);
            frontEnd.setVringEnable(TRANSMITQ_1, true);
            await("the fault was not noticed", () -> vring.errFd().drain() > 0);
            assertThat(frontEnd.getStatus() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
            vring.close();
        }
        bench.proveItServes();
    }

    /** Hot-plugged memory: the table comes anew while commands and frames are under way, and none of them is lost. */
    @Test
    void memoryTablesSwappedUnderTraffic() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            CompletableFuture<Void> swaps = CompletableFuture.runAsync(() -> {
                try {
                    for (int i = 0; i < 10; i++) {
                        guest.frontEnd().setMemTable(guest.ram());
                    }
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            List<ChannelFuture> sent = new ArrayList<>();
            for (int i = 0; i < 50 || !swaps.isDone(); i++) {
                sent.add(guest.channel().writeAndFlush(TransmitPacket.plain(i % 2, bench.frame())));
                assertThat(setRss(guest, new int[] {i % 2, 1 - i % 2})).isEqualTo(ControlQueueClient.OK);
            }
            swaps.get(10, TimeUnit.SECONDS);
            for (ChannelFuture frame : sent) {
                assertThat(frame.await(10, TimeUnit.SECONDS))
                        .as("a frame is lost")
                        .isTrue();
                assertThat(frame.isSuccess()).isTrue();
            }
            byte[] down = bench.frame();
            bench.sendToGuest(down);
            ReceivedPacket received = inbox.poll(10, TimeUnit.SECONDS);
            assertThat(received).isNotNull();
            assertThat(received.frame()).isEqualTo(down);
        }
        bench.proveItServes();
    }

    /** What waits in the TAP from before there was a driver is thrown away, all of it, however packets are moved. */
    @Test
    void framesOfBeforeTheDriverAreNotDelivered() throws Exception {
        for (int i = 0; i < 300; i++) {
            byte[] frame = bench.frame();
            bench.host().send(frame, frame.length);
        }
        bench.proveItServes();
        assertThat(bench.counted(Counter.RX_PACKETS)).isEqualTo(1);
    }

    /** A front-end that comes back before the end of its first connection was seen is not turned away. */
    @Test
    void reconnectBeforeTheEndWasSeen() throws Exception {
        FrontEnd first = FrontEnd.connect(bench.socket(), REPLY_LIMIT);
        first.getFeatures();
        try (FrontEnd second = FrontEnd.connect(bench.socket(), REPLY_LIMIT)) {
            first.close();
            assertThat(second.getFeatures()).isNotZero();
        }
        for (int i = 0; i < 5; i++) {
            FakeGuest guest = bench.guest(inbox).connect();
            try {
                assertThat(setRss(guest, new int[] {0, 1})).isEqualTo(ControlQueueClient.OK);
            } finally {
                guest.vanish();
            }
        }
        bench.proveItServes();
    }

    /** A call descriptor that blocks, with a full counter that nobody reads: frames move, and the rings stop. */
    @Test
    void callDescriptorThatWouldBlock() throws Exception {
        try (OwnedFd full = OwnedFd.of(Posix.eventfd(0, 0));
                FakeGuest guest = bench.guest(inbox).connect()) {
            try (Arena arena = Arena.ofConfined()) {
                var most = arena.allocateFrom(ValueLayout.JAVA_LONG, 0xFFFF_FFFF_FFFF_FFFEL);
                assertThat(Posix.write(full.number(), most.address(), Long.BYTES))
                        .isEqualTo(Long.BYTES);
            }
            guest.frontEnd().setVringFd(FrontEndRequest.SET_VRING_CALL, TRANSMITQ_1, full.number());
            byte[] up = bench.frame();
            guest.channel().writeAndFlush(TransmitPacket.plain(0, up));
            await("the frame did not arrive", () -> bench.hostReceives(up));
        }
        bench.proveItServes();
    }

    @Test
    void resetOwnerInTheMiddleOfTraffic() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            for (int i = 0; i < 200; i++) {
                guest.channel().write(TransmitPacket.plain(i % 2, bench.frame()));
                bench.sendToGuest(bench.frame());
            }
            guest.channel().flush();
            guest.frontEnd().tell(FrontEndRequest.RESET_OWNER, new byte[0]);
            assertThat(guest.frontEnd().getStatus()).isZero();
            assertThat(bench.emulator().snapshot().device()).isEqualTo("no driver");
        }
        bench.proveItServes();
    }

    @Test
    void tapDeletedWithoutADriver() throws Exception {
        bench.deleteTap();
        await("nobody was told", () -> bench.emulator().failure().isCompletedExceptionally());
    }

    @Test
    void tapDeletedUnderADriver() throws Exception {
        try (FakeGuest guest = bench.guest(inbox).connect()) {
            bench.deleteTap();
            await("nobody was told", () -> bench.emulator().failure().isCompletedExceptionally());
            assertThat(guest.frontEnd().getFeatures()).as("the socket lives").isEqualTo(guest.offeredFeatures());
        }
    }

    private FrontEnd connect(GuestRam ram) throws Exception {
        FrontEnd frontEnd = FrontEnd.connect(bench.socket(), REPLY_LIMIT);
        frontEnd.getFeatures();
        frontEnd.setProtocolFeatures(frontEnd.getProtocolFeatures());
        frontEnd.setOwner();
        frontEnd.setMemTable(ram);
        return frontEnd;
    }

    private static Vring transmitRing(GuestRam ram, int index) throws Exception {
        return Vring.create(index, new DriverVirtqueue(ram, 256, 0, false, 0));
    }

    /** Descriptor 0 becomes a frame with a header of zeros. */
    private static void describeFrame(GuestRam ram, Vring vring, byte[] frame) {
        long at = ram.allocate(HEADER_BYTES + frame.length, 16);
        ram.segment().asSlice(at + HEADER_BYTES).copyFrom(MemorySegment.ofArray(frame));
        vring.queue().rawDescriptor(0, ram.guestAddress(at), HEADER_BYTES + frame.length, 0, 0);
    }

    private static void makeAvailable(Vring vring, int slot, int head) throws Exception {
        vring.queue().rawAvailableEntry(slot, head);
        vring.queue().rawAvailableIndex(slot + 1);
        vring.kick();
    }

    private static int setRss(FakeGuest guest, int[] table) throws Exception {
        return guest.control()
                .setRss(0x3F, table.length - 1, 0, table, EmulatorBench.QUEUE_PAIRS, KEY)
                .get(10, TimeUnit.SECONDS);
    }
}
