// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.LoopReader;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.emulator.tap.plug.PcapReplay.Pace;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.NetHeader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What plugs into a host side, against whole devices. */
class PlugTest {
    private static final int TRANSPORT = 34;

    @TempDir
    private Path directory;

    private static EmulatedTap tap(String name) {
        return new EmulatedTap(EmulatedTap.Options.of(name, 1));
    }

    private static byte[] frame(int number) {
        return ByteBuffer.allocate(60)
                .putShort(12, (short) 0x88B5)
                .putInt(14, number)
                .array();
    }

    // TCP over IPv4, two segments of 1,000 bytes; sums are nobody's matter here.
    private static byte[] large() {
        byte[] frame = new byte[TRANSPORT + 20 + 2000];
        ByteBuffer.wrap(frame)
                .putShort(12, (short) 0x0800)
                .put(14, (byte) 0x45)
                .put(23, (byte) 6)
                .put(TRANSPORT + 12, (byte) 0x50);
        return frame;
    }

    private static FrameInfo toBeCut() {
        return new FrameInfo().needsChecksum(TRANSPORT, 16).segments(NetHeader.GSO_TCPV4, 1000, TRANSPORT + 20);
    }

    /** The guest of a TAP sends a frame. */
    private static void guestSends(EmulatedTap from, byte[] frame, FrameInfo info) {
        try (var writer = new GuestWriter(from.queue(0))) {
            assertThat(writer.write(frame, info)).isEqualTo(12 + frame.length);
        }
    }

    @Test
    void linkCarriesFramesBothWays() throws Exception {
        try (var one = tap("one");
                var other = tap("other");
                var oneGuest = new LoopReader(one.queue(0), IoEngine.EPOLL);
                var otherGuest = new LoopReader(other.queue(0), IoEngine.EPOLL)) {
            try (var link = TapLink.between(one.host(), other.host())) {
                guestSends(one, frame(1), new FrameInfo());
                assertThat(otherGuest.await()).isEqualTo(frame(1));
                guestSends(other, frame(2), new FrameInfo());
                assertThat(oneGuest.await()).isEqualTo(frame(2));
                assertThat(link).isNotNull();
            }
            guestSends(one, frame(3), new FrameInfo());
            assertThat(one.host().counters().rxPackets()).isEqualTo(2);
            assertThat(other.host().counters().txPackets()).isEqualTo(1);
        }
    }

    @Test
    void linkLeavesToTheReceivingTapWhatItsGuestCannot() throws Exception {
        try (var one = tap("one");
                var other = tap("other");
                var guest = new LoopReader(other.queue(0), IoEngine.EPOLL);
                var link = TapLink.between(one.host(), other.host())) {
            assertThat(link).isNotNull();
            other.setOffloads(TunOffload.CSUM | TunOffload.TSO4);
            guestSends(one, large(), toBeCut());
            assertThat(guest.await()).hasSize(large().length);
            other.setOffloads(0);
            guestSends(one, large(), toBeCut());
            assertThat(guest.await()).hasSize(TRANSPORT + 20 + 1000);
            assertThat(guest.await()).hasSize(TRANSPORT + 20 + 1000);
        }
    }

    private List<byte[]> recorded(Path file) throws IOException {
        List<byte[]> frames = new ArrayList<>();
        try (var reader = PcapReader.open(file)) {
            while (reader.next()) frames.add(Arrays.copyOf(reader.data(), reader.lengthBytes()));
        }
        return frames;
    }

    @Test
    void captureHasBothWaysAndTagsWithinTheFrames() throws Exception {
        Path file = directory.resolve("both.pcap");
        try (var tap = tap("e")) {
            try (var capture = PcapCapture.start(tap.host(), file)) {
                tap.host().send(frame(1), 0, 60, new FrameInfo().vlan(0x123));
                guestSends(tap, frame(2), new FrameInfo());
                assertThat(capture.frames()).isEqualTo(2);
            }
            tap.host().send(frame(3));
        }
        byte[] tagged = ByteBuffer.allocate(64)
                .put(frame(1), 0, 12)
                .putInt(0x8100_0123)
                .put(frame(1), 12, 48)
                .array();
        assertThat(recorded(file)).containsExactly(tagged, frame(2));
    }

    private static void await(Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.call()) {
            assertThat(System.nanoTime()).as("20 s are over").isLessThan(deadline);
            Thread.sleep(20);
        }
    }

    @Test
    void captureIsInTheFileWhileItGoesOn() throws Exception {
        Path file = directory.resolve("live.pcap");
        try (var tap = tap("e");
                var capture = PcapCapture.start(tap.host(), file)) {
            assertThat(recorded(file)).as("a capture file from the start").isEmpty();
            for (int i = 1; i <= 3; i++) {
                int number = i;
                tap.host().send(frame(number));
                await(() -> recorded(file).size() == number);
            }
            assertThat(capture.frames()).isEqualTo(3);
        }
    }

    @Test
    void captureWithoutRoomFailsAtItsStart() {
        try (var tap = tap("e")) {
            assertThatThrownBy(() -> PcapCapture.start(tap.host(), Path.of("/dev/full")))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("No space left on device");
        }
    }

    @Test
    void captureThatCannotGoOnSaysSoOnceAtOnceAndAtItsEnd() throws Exception {
        Path fifo = directory.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        List<IOException> told = Collections.synchronizedList(new ArrayList<>());
        try (var tap = tap("e")) {
            CompletableFuture<InputStream> reader = CompletableFuture.supplyAsync(() -> {
                try {
                    return Files.newInputStream(fifo);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            var capture = PcapCapture.start(tap.host(), fifo, told::add);
            // From now on writing fails, as it does on a full disk.
            reader.get().close();
            tap.host().send(frame(1));
            await(() -> !told.isEmpty());
            tap.host().send(frame(2));
            assertThatThrownBy(capture::close).isSameAs(told.getFirst());
            assertThat(told).hasSize(1);
        }
    }

    @Test
    void replayWaitsForTheReaderAndLosesNothing() throws Exception {
        Path file = directory.resolve("many.pcap");
        int frames = 5_000;
        try (var writer = PcapWriter.create(file)) {
            for (int i = 0; i < frames; i++) writer.write(i, frame(i), 0, 60);
        }
        try (var tap = new EmulatedTap(EmulatedTap.Options.of("e", 1).withQueueLength(32));
                var guest = new LoopReader(tap.queue(0), IoEngine.EPOLL)) {
            var result = PcapReplay.run(tap.host(), file, Pace.AS_READ);
            assertThat(result).isEqualTo(new PcapReplay.Result(frames, 0, 0));
            for (int i = 0; i < frames; i++) assertThat(guest.await()).isEqualTo(frame(i));
        }
    }

    @Test
    void replayAtOnceOverflowsAndCountsAndCutFramesAreLeftOut() throws Exception {
        Path file = directory.resolve("ten.pcap");
        try (var writer = PcapWriter.create(file)) {
            for (int i = 0; i < 10; i++) writer.write(i, frame(i), 0, 60);
        }
        // Of the last frame say that it was longer than what is here.
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 60 - 4] = 61;
        Files.write(file, bytes);
        try (var tap = new EmulatedTap(EmulatedTap.Options.of("e", 1).withQueueLength(4))) {
            var result = PcapReplay.run(tap.host(), file, Pace.AT_ONCE);
            assertThat(result).isEqualTo(new PcapReplay.Result(4, 5, 1));
            assertThat(tap.host().counters().txDropped()).isEqualTo(5);
        }
    }

    @Test
    void recordedReplayKeepsTheOrder() throws Exception {
        Path file = directory.resolve("timed.pcap");
        try (var writer = PcapWriter.create(file)) {
            // Times that go back now and then, as those of several processors do.
            for (int i = 0; i < 20; i++) writer.write(1_000_000_000L + (i ^ 1) * 100_000L, frame(i), 0, 60);
        }
        try (var tap = tap("e");
                var guest = new LoopReader(tap.queue(0), IoEngine.EPOLL)) {
            assertThat(PcapReplay.run(tap.host(), file, Pace.AS_RECORDED).sent())
                    .isEqualTo(20);
            for (int i = 0; i < 20; i++) assertThat(guest.await()).isEqualTo(frame(i));
            assertThat(guest.awaitFault()).isEqualTo(-Errno.EAGAIN);
        }
    }
}
