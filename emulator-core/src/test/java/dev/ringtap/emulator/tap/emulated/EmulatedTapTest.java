// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmProgram;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.NetHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a kernel's TAP has no place to see it at, or does not have. */
class EmulatedTapTest {
    private static final int TRANSPORT = TestFrames.ETHERNET + 20;

    @Test
    void tagBesideTheFrameIsReadWithinItAndShiftsTheChecksum() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            bed.setOffloads(TunOffload.CSUM);
            byte[] frame = TestFrames.udp4(5, 9, 100);
            bed.send(frame, new FrameInfo().needsChecksum(TRANSPORT, 6).vlan(0x2042));
            var read = bed.read(0);
            assertThat(read.frame(12)).isEqualTo(TestFrames.tagged(frame, 0x2042));
            assertThat(read.header(10)).isEqualTo(TestFrames.header(10, 1, 0, 0, 0, TRANSPORT + 4, 6));
            assertThat(bed.counted().txBytes()).isEqualTo(frame.length + 4);
        }
    }

    @Test
    void tagBesideTheFrameGoesWithEverySegment() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            byte[] frame = TestFrames.tcp4(0x10, 2500);
            bed.send(
                    frame,
                    new FrameInfo()
                            .needsChecksum(TRANSPORT, 16)
                            .segments(NetHeader.GSO_TCPV4, 1000, 0)
                            .vlan(0x88A8, 7));
            for (int i = 0; i < 3; i++) {
                byte[] segment = bed.read(0).frame(12);
                assertThat(TestFrames.be32(segment, 12)).isEqualTo(0x88A8_0007);
                assertThat(TestFrames.be16(segment, 16)).isEqualTo(0x0800);
            }
        }
    }

    @Test
    void shortBufferCutsATaggedFrameWithinItsTag() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            byte[] frame = TestFrames.plain(1);
            bed.send(frame, new FrameInfo().vlan(5));
            var read = bed.read(0, 12, 14);
            assertThat(read.result()).isEqualTo(26);
            assertThat(read.frame(12)).isEqualTo(Arrays.copyOf(TestFrames.tagged(frame, 5), 14));
        }
    }

    /** Counts its runs and remembers the last context. */
    private static final class Probe implements VmProgram {
        private final AtomicInteger runs = new AtomicInteger();
        private volatile String context;

        @Override
        public String name() {
            return "probe";
        }

        @Override
        public ProgramType type() {
            return ProgramType.SOCKET_FILTER;
        }

        @Override
        public long run(SkBuff skb) {
            runs.incrementAndGet();
            context = "%d bytes, %04x, tag %s %04x:%04x, gso %d"
                    .formatted(
                            skb.length(),
                            skb.protocol(),
                            skb.vlanPresent(),
                            skb.vlanProto(),
                            skb.vlanTci(),
                            skb.gsoSize());
            return 0xFFFF_FFFFL;
        }
    }

    @Test
    void steeringProgramDoesNotRunWithOneQueue() throws Exception {
        try (var bed = new EmulatedBed(2, 10, 12)) {
            var probe = new Probe();
            bed.tap.setSteering(probe);
            bed.send(TestFrames.plain(1));
            assertThat(probe.runs).hasValue(1);
            bed.setAttachedQueues(1);
            bed.send(TestFrames.plain(2));
            assertThat(probe.runs).hasValue(1);
            assertThat(bed.read(0).result()).isPositive();
        }
    }

    @Test
    void steeringProgramSeesTheFrameBeforeItIsCutAndTheFilterAfter() throws Exception {
        try (var bed = new EmulatedBed(2, 10, 12)) {
            var steering = new Probe();
            var filter = new Probe();
            bed.tap.setSteering(steering);
            bed.tap.setFilter(filter);
            byte[] frame = TestFrames.tcp4(0x10, 2500);
            bed.send(
                    frame,
                    new FrameInfo()
                            .needsChecksum(TRANSPORT, 16)
                            .segments(NetHeader.GSO_TCPV4, 1000, 0)
                            .vlan(9));
            assertThat(steering.runs).hasValue(1);
            assertThat(steering.context).isEqualTo(frame.length + " bytes, 0800, tag true 8100:0009, gso 1000");
            assertThat(filter.runs).hasValue(3);
            assertThat(filter.context).isEqualTo(frame.length - 2000 + " bytes, 0800, tag true 8100:0009, gso 0");
        }
    }

    @Test
    void chooserMayRunWithOneQueueAndItsHashGoesWithEverySegment() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 20)) {
            bed.tap.setSteering(new QueueChooser() {
                @Override
                public int choose(SentPacket packet) {
                    packet.reportHash(0x89AB_CDEF, 6);
                    return packet.automaticQueue();
                }

                @Override
                public boolean runsWithOneQueue() {
                    return true;
                }
            });
            bed.send(
                    TestFrames.tcp4(0x10, 2500),
                    new FrameInfo().needsChecksum(TRANSPORT, 16).segments(NetHeader.GSO_TCPV4, 1000, 0));
            for (int i = 0; i < 3; i++) {
                var header = ByteBuffer.wrap(bed.read(0).header(20)).order(ByteOrder.LITTLE_ENDIAN);
                assertThat(header.getInt(NetHeader.HASH_VALUE)).isEqualTo(0x89AB_CDEF);
                assertThat(header.getShort(NetHeader.HASH_REPORT)).isEqualTo((short) 6);
                assertThat(header.getShort(NetHeader.PADDING)).isZero();
            }
        }
    }

    @Test
    void hashOfOneFrameDoesNotStickToTheNext() throws Exception {
        try (var bed = new EmulatedBed(2, 10, 20)) {
            bed.tap.setSteering(packet -> {
                if (packet.data()[packet.offset() + 17] == 1) packet.reportHash(77, 1);
                return 0;
            });
            bed.send(TestFrames.plain(1));
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(0).buffer()[NetHeader.HASH_VALUE]).isEqualTo((byte) 77);
            assertThat(Arrays.copyOfRange(bed.read(0).buffer(), NetHeader.HASH_VALUE, 20))
                    .containsOnly(0);
        }
    }

    // The common pool may have one thread only, and these block.
    private static CompletableFuture<Void> inThread(Runnable task) {
        return CompletableFuture.runAsync(
                task, each -> Thread.ofPlatform().daemon().start(each));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void replacingWaitsForSendersThatStillRunTheOld(boolean steering) throws Exception {
        try (var bed = new EmulatedBed(2, 10, 12)) {
            var entered = new CountDownLatch(1);
            var leave = new CountDownLatch(1);
            if (steering) {
                bed.tap.setSteering(packet -> pause(entered, leave));
            } else {
                bed.tap.setFilter(packet -> pause(entered, leave));
            }
            var sending = inThread(() -> bed.send(TestFrames.plain(1), new FrameInfo()));
            entered.await();
            var replacing = inThread(steering ? bed.tap::clearSteering : bed.tap::clearFilter);
            var synchronizing = inThread(bed.tap::synchronizeSenders);
            // The new setting is in force for others already.
            while (steering
                    ? bed.tap.attachment().chooser() != null
                    : bed.tap.attachment().filter() != null) {
                Thread.onSpinWait();
            }
            assertThat(replacing).isNotDone();
            leave.countDown();
            sending.join();
            replacing.join();
            synchronizing.join();
        }
    }

    private static int pause(CountDownLatch entered, CountDownLatch leave) {
        entered.countDown();
        try {
            leave.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 1;
    }

    @Test
    void observersSeeBothWaysAsTheFramesAre() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            List<String> seen = new ArrayList<>();
            FrameObserver observer = (direction, data, offset, lengthBytes, info) ->
                    seen.add(direction + " " + lengthBytes + " " + info.gsoType());
            bed.tap.host().addObserver(observer);
            bed.tap.host().addObserver((direction, data, offset, lengthBytes, info) -> {
                throw new IllegalStateException("an observer's own fault");
            });
            byte[] tcp = TestFrames.tcp4(0x10, 2000);
            bed.send(tcp, new FrameInfo().needsChecksum(TRANSPORT, 16).segments(NetHeader.GSO_TCPV4, 1000, 0));
            bed.write(0, TestFrames.join(TestFrames.header(12, 1, 1, 66, 1000, 34, 16), tcp), 12);
            bed.tap.host().removeObserver(observer);
            bed.send(TestFrames.plain(1));
            assertThat(seen).containsExactly("TO_GUEST 1066 0", "TO_GUEST 1066 0", "TO_HOST 2066 1");
        }
    }

    @Test
    void receiverThatFailsDoesNotFailTheGuest() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            bed.tap.host().receiver((queue, data, offset, lengthBytes, info) -> {
                throw new IllegalStateException("the host's own fault");
            });
            assertThat(bed.write(0, TestFrames.join(new byte[12], TestFrames.plain(1)), 12))
                    .isEqualTo(72);
            assertThat(bed.counted().rxPackets()).isEqualTo(1);
        }
    }

    @Test
    void frameBeyondTheLargestIsRefusedBothWays() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            byte[] largest = new byte[EmulatedTap.MAX_FRAME_BYTES];
            byte[] tooLarge = new byte[EmulatedTap.MAX_FRAME_BYTES + 1];
            assertThat(bed.send(largest)).isZero();
            assertThat(bed.read(0).frame(12)).isEqualTo(largest);
            assertThat(bed.send(tooLarge)).isEqualTo(-Errno.EMSGSIZE);
            assertThat(bed.write(0, TestFrames.join(new byte[12], largest), 12)).isEqualTo(12 + largest.length);
            assertThat(bed.write(0, TestFrames.join(new byte[12], tooLarge), 12))
                    .isEqualTo(-Errno.EMSGSIZE);
            assertThat(bed.counted().rxDropped()).isEqualTo(1);
        }
    }

    @Test
    void headersThatContradictThemselvesAreCounted() throws Exception {
        try (var bed = new EmulatedBed(1, 10, 12)) {
            byte[] header = TestFrames.header(12, 1, 2, 66, 1000, 34, 16);
            bed.write(0, TestFrames.join(header, TestFrames.tcp4(0x10, 100)), 12);
            assertThat(bed.tap.host().counters().rxErrors()).isEqualTo(1);
        }
    }

    @Test
    void framesOfADetachedQueueAndOfOneRemovedAreCountedAsDiscarded() throws Exception {
        try (var bed = new EmulatedBed(2, 10, 12)) {
            bed.steerTo(1);
            for (int i = 0; i < 3; i++) bed.send(TestFrames.plain(i));
            bed.setAttachedQueues(1);
            assertThat(bed.tap.host().counters().txDiscarded()).isEqualTo(3);
            bed.send(TestFrames.plain(4));
            bed.remove();
            assertThat(bed.tap.host().counters().txDiscarded()).isEqualTo(4);
        }
    }

    @Test
    void optionsOutOfRangeAreRefusedByName() {
        var options = EmulatedTap.Options.of("e", 1);
        assertThatThrownBy(() -> EmulatedTap.Options.of("e", 257)).hasMessageContaining("queues is 257");
        assertThatThrownBy(() -> options.withQueueLength(0)).hasMessageContaining("queue length is 0");
        assertThatThrownBy(() -> options.withMtu(67)).hasMessageContaining("MTU is 67");
        assertThatThrownBy(() -> options.withHeaderBytes(10)).hasMessageContaining("12 or 20");
    }

    @Test
    void macIsAUnicastAddressOfNobodys() {
        try (var tap = new EmulatedTap(EmulatedTap.Options.of("e", 1))) {
            assertThat(tap.mac()[0] & 3).isEqualTo(2);
        }
    }
}
