// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.plug.PcapCapture;
import dev.ringtap.emulator.tap.plug.PcapReader;
import dev.ringtap.emulator.tap.plug.TapLink;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.TransmitPacket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two guests of two emulators, whose emulated TAPs a cable joins. Needs no privilege. */
class TwoGuestsTest {
    private static final int TRANSPORT = 34;
    private static final int HEADERS = TRANSPORT + 20;

    @TempDir
    private Path directory;

    // A broadcast UDP datagram over IPv4; the port tells flows apart.
    private static byte[] datagram(int port, int number) {
        ByteBuffer frame = ByteBuffer.allocate(64);
        frame.putLong(-1L).putShort(12, (short) 0x0800);
        frame.put(14, (byte) 0x45).putShort(16, (short) 50).put(22, (byte) 64).put(23, (byte) 17);
        frame.putInt(26, 0x0A00_0001).putInt(30, 0x0A00_0002);
        frame.putShort(34, (short) port).putShort(36, (short) port).putShort(38, (short) 30);
        return frame.putInt(44, number).array();
    }

    private static byte[] largeTcp() {
        ByteBuffer frame = ByteBuffer.allocate(HEADERS + 2500);
        frame.putLong(-1L).putShort(12, (short) 0x0800);
        frame.put(14, (byte) 0x45).putShort(16, (short) (frame.capacity() - 14)).put(22, (byte) 64);
        frame.put(23, (byte) 6).putInt(26, 0x0A00_0001).putInt(30, 0x0A00_0002);
        return frame.put(TRANSPORT + 12, (byte) 0x50).array();
    }

    @ParameterizedTest
    @EnumSource(IoEngine.class)
    void guestsTalkAndAnswersFollowTheQueue(IoEngine engine) throws Exception {
        Assumptions.assumeTrue(engine.unavailability() == null, () -> engine + " is not to be had here");
        Path file = directory.resolve("link.pcap");
        int rounds = 50;
        try (var one = new LinkedGuest(directory, "one", engine);
                var other = new LinkedGuest(directory, "other", engine);
                var link = TapLink.between(one.tap.host(), other.tap.host())) {
            assertThat(link).isNotNull();
            try (var capture = PcapCapture.start(one.tap.host(), file)) {
                for (int i = 0; i < rounds; i++) {
                    int queue = i % LinkedGuest.QUEUE_PAIRS;
                    byte[] question = datagram(1000 + queue, i);
                    one.send(TransmitPacket.plain(queue, question));
                    assertThat(other.await().frame()).isEqualTo(question);
                    byte[] answer = datagram(1000 + queue, -i);
                    other.send(TransmitPacket.plain(0, answer));
                    var received = one.await();
                    assertThat(received.frame()).isEqualTo(answer);
                    // The flow was learned from the question, when that was done with: not yet for the very first.
                    if (i >= LinkedGuest.QUEUE_PAIRS)
                        assertThat(received.queue()).isEqualTo(queue);
                }
                assertThat(capture.frames()).isEqualTo(2L * rounds);
            }
        }
        try (var reader = PcapReader.open(file)) {
            assertThat(reader.next()).isTrue();
            assertThat(reader.lengthBytes()).isEqualTo(64);
        }
    }

    @ParameterizedTest
    @EnumSource(IoEngine.class)
    void largeFrameIsCutForTheGuestThatCannot(IoEngine engine) throws Exception {
        Assumptions.assumeTrue(engine.unavailability() == null, () -> engine + " is not to be had here");
        var large = new TransmitPacket(
                0, largeTcp(), TransmitPacket.NEEDS_CSUM, TransmitPacket.GSO_TCPV4, HEADERS, 1000, TRANSPORT, 16);
        try (var one = new LinkedGuest(directory, "one", engine);
                var other = new LinkedGuest(directory, "other", engine, GuestFeature.GUEST_TSO4);
                var link = TapLink.between(one.tap.host(), other.tap.host())) {
            assertThat(link).isNotNull();
            one.send(large);
            for (int bytes : new int[] {1000, 1000, 500}) {
                assertThat(other.await().frame()).hasSize(HEADERS + bytes);
            }
            other.send(large);
            var whole = one.await();
            assertThat(whole.frame()).hasSize(HEADERS + 2500);
            assertThat(whole.gsoType()).isEqualTo(TransmitPacket.GSO_TCPV4);
        }
    }
}
