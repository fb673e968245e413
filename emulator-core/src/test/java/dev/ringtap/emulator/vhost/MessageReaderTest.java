// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.socket.UnixConnection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a front-end's stream may look like, and what each other stream is told. */
class MessageReaderTest {
    private static final int GET_FEATURES = 1;
    private static final int SET_FEATURES = 2;
    private static final int SET_MEM_TABLE = 5;
    private static final int SET_VRING_KICK = 12;
    private static final int NEED_REPLY = 9;
    private static final int PLAIN = 1;

    private UnixConnection frontEnd;
    private MessageReader reader;
    private UnixConnection backEnd;

    @BeforeEach
    void connect() throws NativeException {
        UnixConnection[] ends = UnixConnection.pair();
        frontEnd = ends[0];
        backEnd = ends[1];
        backEnd.fd().setNonBlocking(true);
        reader = new MessageReader(backEnd);
    }

    @AfterEach
    void disconnect() {
        reader.close();
        frontEnd.close();
        backEnd.close();
    }

    @Test
    void putsTogetherAMessageThatComesByteByByte() throws Exception {
        byte[] message = message(SET_FEATURES, NEED_REPLY, 0x1122334455667788L);
        for (int i = 0; i < message.length; i++) {
            assertThat(reader.next()).as("after %d bytes", i).isNull();
            frontEnd.send(message, i, 1);
        }
        try (Message whole = reader.next()) {
            assertThat(whole.request()).isEqualTo(FrontEndRequest.SET_FEATURES);
            assertThat(whole.needReply()).isTrue();
            assertThat(whole.payload().getLong()).isEqualTo(0x1122334455667788L);
        }
    }

    @Test
    void tellsTwoMessagesOfOneWriteApart() throws Exception {
        byte[] first = message(SET_FEATURES, PLAIN, 1);
        byte[] second = header(GET_FEATURES, PLAIN, 0);
        byte[] both = ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
        frontEnd.send(both, 0, both.length);
        assertThat(reader.next().request()).isEqualTo(FrontEndRequest.SET_FEATURES);
        assertThat(reader.next().request()).isEqualTo(FrontEndRequest.GET_FEATURES);
        assertThat(reader.next()).isNull();
    }

    @Test
    void handsOverTheDescriptorThatRidesOnTheHeader() throws Exception {
        byte[] kick = message(SET_VRING_KICK, PLAIN, 0);
        try (EventFd event = EventFd.create()) {
            frontEnd.send(kick, 0, kick.length, event.fd().number());
            try (Message message = reader.next();
                    var received = message.takeFd()) {
                assertThat(received.isOpen()).isTrue();
                assertThat(message.fds()).isEmpty();
            }
        }
    }

    @Test
    void refusesAnotherVersion() throws Exception {
        send(header(GET_FEATURES, 2, 0));
        assertThatThrownBy(reader::next)
                .isInstanceOf(PeerException.class)
                .hasMessageContaining("version 2, expected 1");
    }

    @Test
    void refusesAnUnknownMessageByNumber() throws Exception {
        send(header(99, PLAIN, 0));
        assertThatThrownBy(reader::next).isInstanceOf(PeerException.class).hasMessageContaining("message 99");
    }

    @Test
    void refusesAPayloadOfTheWrongSizeBeforeReadingIt() throws Exception {
        send(header(SET_FEATURES, PLAIN, 7));
        assertThatThrownBy(reader::next)
                .isInstanceOf(PeerException.class)
                .hasMessage("SET_FEATURES with a payload of 7 bytes, expected 8");
    }

    @Test
    void refusesAHugePayloadWithoutReadingIt() throws Exception {
        send(header(SET_MEM_TABLE, PLAIN, 0xFFFF_FFFF));
        assertThatThrownBy(reader::next)
                .isInstanceOf(PeerException.class)
                .hasMessageContaining("4294967295 bytes, at most 4096");
    }

    /** CVE-2019-14818: surplus descriptors on a message leaked. */
    @Test
    void closesSurplusDescriptors() throws Exception {
        long before = openDescriptors();
        byte[] kick = message(SET_VRING_KICK, PLAIN, 0);
        try (EventFd first = EventFd.create();
                EventFd second = EventFd.create()) {
            frontEnd.send(kick, 0, kick.length, first.fd().number(), second.fd().number());
            assertThatThrownBy(reader::next)
                    .isInstanceOf(PeerException.class)
                    .hasMessage("SET_VRING_KICK with 2 descriptors, expected 0 to 1");
            reader.close();
        }
        assertThat(openDescriptors()).isEqualTo(before);
    }

    /** CVE-2022-0669: descriptors on a message that takes none. */
    @Test
    void refusesADescriptorOnAMessageThatTakesNone() throws Exception {
        byte[] features = message(SET_FEATURES, PLAIN, 0);
        try (EventFd event = EventFd.create()) {
            frontEnd.send(features, 0, features.length, event.fd().number());
            assertThatThrownBy(reader::next)
                    .isInstanceOf(PeerException.class)
                    .hasMessage("SET_FEATURES with 1 descriptors, expected 0");
        }
    }

    @Test
    void noticesAnEndBetweenMessages() throws Exception {
        frontEnd.close();
        assertThat(reader.next()).isNull();
        assertThat(reader.ended()).isTrue();
    }

    @Test
    void noticesAnEndInsideAMessage() throws Exception {
        frontEnd.send(header(GET_FEATURES, PLAIN, 0), 0, 5);
        frontEnd.close();
        assertThatThrownBy(reader::next).isInstanceOf(PeerException.class).hasMessageContaining("inside a message");
    }

    private void send(byte[] bytes) throws NativeException {
        frontEnd.send(bytes, 0, bytes.length);
    }

    private static byte[] header(int number, int flags, int payloadBytes) {
        return ByteBuffer.allocate(12)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(number)
                .putInt(flags)
                .putInt(payloadBytes)
                .array();
    }

    private static byte[] message(int number, int flags, long payload) {
        return ByteBuffer.allocate(20)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(header(number, flags, 8))
                .putLong(payload)
                .array();
    }

    private static long openDescriptors() throws Exception {
        try (var entries = Files.list(Path.of("/proc/self/fd"))) {
            return entries.count();
        }
    }
}
