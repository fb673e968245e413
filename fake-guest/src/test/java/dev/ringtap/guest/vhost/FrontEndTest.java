// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.socket.UnixConnection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Messages byte by byte. The golden ones are little-endian, as the machines this runs on. */
@Timeout(10)
class FrontEndTest {
    private static final HexFormat HEX = HexFormat.of();

    private final List<OwnedFd> fds = new ArrayList<>();
    private UnixConnection backEnd;
    private FrontEnd frontEnd;

    @BeforeEach
    void connect() throws Exception {
        UnixConnection[] pair = UnixConnection.pair();
        frontEnd = FrontEnd.over(pair[0], Duration.ofMillis(100));
        backEnd = pair[1];
    }

    @AfterEach
    void close() {
        fds.forEach(OwnedFd::close);
        frontEnd.close();
        backEnd.close();
    }

    private String sent() throws Exception {
        byte[] bytes = new byte[4096];
        int count = backEnd.receive(bytes, 0, bytes.length, fds);
        return HEX.formatHex(bytes, 0, count);
    }

    /** Puts a reply into the socket before the question is asked. */
    private void answer(int request, int flags, String payload) throws Exception {
        byte[] body = HEX.parseHex(payload);
        byte[] message = ByteBuffer.allocate(12 + body.length)
                .order(ByteOrder.nativeOrder())
                .putInt(request)
                .putInt(flags)
                .putInt(body.length)
                .put(body)
                .array();
        backEnd.send(message, 0, message.length);
    }

    @Test
    void asksForFeatures() throws Exception {
        answer(1, 5, "0100004001000000");
        assertThat(frontEnd.getFeatures()).isEqualTo(0x1_4000_0001L);
        assertThat(sent()).isEqualTo("01000000" + "01000000" + "00000000");
    }

    @Test
    void asksForTheConfigurationSpace() throws Exception {
        answer(24, 5, "02000000" + "04000000" + "00000000" + "deadbeef");
        assertThat(frontEnd.getConfig(2, 4)).isEqualTo(HEX.parseHex("deadbeef"));
        assertThat(sent())
                .isEqualTo("18000000" + "01000000" + "10000000" + "02000000" + "04000000" + "00000000" + "00000000");
        answer(24, 5, "");
        assertThatThrownBy(() -> frontEnd.getConfig(0, 8)).hasMessageContaining("refused GET_CONFIG of 8 bytes at 0");
        answer(24, 5, "00000000" + "02000000" + "00000000" + "0000");
        assertThatThrownBy(() -> frontEnd.getConfig(0, 8)).isInstanceOf(VhostUserException.class);
    }

    @Test
    void describesMemoryWithADescriptorForEachRegion() throws Exception {
        try (GuestRam ram = GuestRam.create(2 * 4096, 2)) {
            frontEnd.setMemTable(ram);
            assertThat(sent())
                    .isEqualTo("05000000" + "01000000" + "48000000" + "02000000" + "00000000"
                            + "0000000001000000" + "0010000000000000" + "001000105a5a0000" + "0010000000000000"
                            + "0010000001000000" + "0010000000000000" + "000000005a5a0000" + "0020000000000000");
            assertThat(fds).hasSize(2);
        }
    }

    @Test
    void describesVirtqueues() throws Exception {
        frontEnd.setVringNum(3, 256);
        assertThat(sent()).isEqualTo("08000000" + "01000000" + "08000000" + "03000000" + "00010000");
        frontEnd.setVringBase(3, 65_534);
        assertThat(sent()).isEqualTo("0a000000" + "01000000" + "08000000" + "03000000" + "feff0000");
        frontEnd.setVringAddr(3, 1, 0x10, 0x20, 0x30, 0x40);
        assertThat(sent())
                .isEqualTo("09000000" + "01000000" + "28000000" + "03000000" + "01000000" + "1000000000000000"
                        + "2000000000000000" + "3000000000000000" + "4000000000000000");
        frontEnd.setVringEnable(3, true);
        assertThat(sent()).isEqualTo("12000000" + "01000000" + "08000000" + "03000000" + "01000000");
        answer(11, 5, "03000000" + "02010000");
        assertThat(frontEnd.getVringBase(3)).isEqualTo(0x102);
        assertThat(sent()).isEqualTo("0b000000" + "01000000" + "08000000" + "03000000" + "00000000");
        answer(11, 5, "02000000" + "02010000");
        assertThatThrownBy(() -> frontEnd.getVringBase(3)).hasMessageContaining("answered for 2");
    }

    @Test
    void passesEventfdsOrSaysThatThereIsNone() throws Exception {
        try (EventFd kick = EventFd.create()) {
            frontEnd.setVringFd(FrontEndRequest.SET_VRING_KICK, 5, kick.fd().number());
            assertThat(sent()).isEqualTo("0c000000" + "01000000" + "08000000" + "0500000000000000");
            assertThat(fds).hasSize(1);
            EventFd theirs = EventFd.adopt(fds.getFirst());
            kick.signal();
            assertThat(theirs.drain()).isEqualTo(1);
        }
        frontEnd.setVringFd(FrontEndRequest.SET_VRING_CALL, 5);
        assertThat(sent()).isEqualTo("0d000000" + "01000000" + "08000000" + "0501000000000000");
        assertThat(fds).hasSize(1);
    }

    @Test
    void acknowledgementsAreAskedForOnceAgreed() throws Exception {
        frontEnd.setOwner();
        assertThat(sent()).isEqualTo("03000000" + "01000000" + "00000000");
        frontEnd.setProtocolFeatures(ProtocolFeature.REPLY_ACK.mask());
        assertThat(sent()).isEqualTo("10000000" + "01000000" + "08000000" + "0800000000000000");
        answer(8, 5, "0000000000000000");
        frontEnd.setVringNum(0, 8);
        assertThat(sent()).startsWith("08000000" + "09000000");
        answer(8, 5, "1600000000000000");
        assertThatThrownBy(() -> frontEnd.setVringNum(0, 7))
                .isInstanceOf(VhostUserException.class)
                .hasMessage("the back-end refused SET_VRING_NUM (22)");
    }

    @Test
    void wrongAnswersAreReported() throws Exception {
        answer(2, 5, "0000000000000000");
        assertThatThrownBy(frontEnd::getFeatures)
                .hasMessage("the answer to GET_FEATURES is SET_FEATURES[flags=0x5, 8 bytes]");
        answer(1, 1, "0000000000000000");
        assertThatThrownBy(frontEnd::getFeatures).hasMessageContaining("flags=0x1");
        answer(1, 5, "00000000");
        assertThatThrownBy(frontEnd::getFeatures).hasMessage("the answer to GET_FEATURES has 4 bytes, not 8");
        backEnd.send(HEX.parseHex("0100000005000000ffffff7f"), 0, 12);
        assertThatThrownBy(frontEnd::getFeatures)
                .hasMessage("no reply to GET_FEATURES: GET_FEATURES claims a payload of 2147483647 bytes");
    }

    @Test
    void silenceAndTheEndAreReported() {
        assertThatThrownBy(frontEnd::getFeatures)
                .hasMessage("no reply to GET_FEATURES: the back-end sent nothing for 100 ms");
        backEnd.close();
        assertThatThrownBy(frontEnd::getFeatures)
                .hasMessageContaining("the back-end is gone: cannot send GET_FEATURES");
    }

    @Test
    void anyMessageCanBeSentWithAnyDescriptors() throws Exception {
        try (EventFd a = EventFd.create();
                EventFd b = EventFd.create()) {
            frontEnd.send(
                    new VhostUserMessage(999, 0xFFFF_FFFF, new byte[] {1}),
                    a.fd().number(),
                    b.fd().number(),
                    a.fd().number());
            assertThat(sent()).isEqualTo("e7030000" + "ffffffff" + "01000000" + "01");
            assertThat(fds).hasSize(3);
        }
        frontEnd.sendBytes(new byte[] {9, 8, 7});
        assertThat(sent()).isEqualTo("090807");
    }

    @Test
    void descriptorsThatComeWithAReplyAreClosed() throws Exception {
        UnixConnection[] unasked = UnixConnection.pair();
        try (UnixConnection other = unasked[1]) {
            byte[] message = HEX.parseHex("0100000005000000080000000000000000000000");
            backEnd.send(message, 0, message.length, unasked[0].fd().number());
            unasked[0].close();
            frontEnd.getFeatures();
            assertThat(other.receive(new byte[1], 0, 1, fds))
                    .as("end: no copy is left")
                    .isZero();
        }
    }
}
