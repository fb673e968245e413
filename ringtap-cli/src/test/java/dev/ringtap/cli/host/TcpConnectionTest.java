// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import static dev.ringtap.guest.traffic.Frames.TCP_ACK;
import static dev.ringtap.guest.traffic.Frames.TCP_FIN;
import static dev.ringtap.guest.traffic.Frames.TCP_PSH;
import static dev.ringtap.guest.traffic.Frames.TCP_RST;
import static dev.ringtap.guest.traffic.Frames.TCP_SYN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.traffic.Checksums;
import dev.ringtap.guest.traffic.Frames;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TcpConnectionTest {
    private static final int HOST_PORT = 15_000;
    private static final int GUEST_PORT = 80;
    /** Wraps within the first few bytes. */
    private static final int GUEST_INITIAL = -3;

    private static final int SEGMENT4 = 1460;
    private static final long SECOND_NS = 1_000_000_000;

    /** What a segment of the host says. */
    private record Seen(HostFrame frame, IpView ip, int sequence, int acknowledgment, int flags, byte[] data) {}

    private final Peer peer;
    private boolean six;
    private TcpConnection connection;
    private int hostInitial;

    TcpConnectionTest() throws Exception {
        peer = new Peer();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void opensWithSegmentSizeAndLeavesTheChecksumToTheLink(boolean overIpv6) throws Exception {
        connect(overIpv6);
        Seen syn = only();
        assertThat(syn.flags()).isEqualTo(TCP_SYN);
        assertThat(syn.ip().rest(syn.ip().transportAt() + 20))
                .containsExactly(2, 4, overIpv6 ? 0x05 : 0x05, overIpv6 ? (byte) 0xA0 : (byte) 0xB4);
        assertThat(syn.frame().flags()).isEqualTo(HostFrame.NEEDS_CSUM);
        assertThat(syn.frame().checksumStart()).isEqualTo(syn.ip().transportAt());
        assertThat(syn.frame().checksumOffset()).isEqualTo(16);
        assertThat(IpView.u16(syn.frame().bytes(), syn.ip().transportAt() + 16))
                .isEqualTo(Checksums.pseudoHeader(
                        Peer.host(overIpv6), Peer.guest(overIpv6), 6, syn.ip().transportBytes()));

        hostInitial = syn.sequence();
        fromGuest(GUEST_INITIAL, hostInitial + 1, TCP_SYN | TCP_ACK, 0xFFFF, new byte[0]);
        Seen ack = only();
        assertThat(ack.flags()).isEqualTo(TCP_ACK);
        assertThat(ack.sequence()).isEqualTo(hostInitial + 1);
        assertThat(ack.acknowledgment()).isEqualTo(GUEST_INITIAL + 1);
        connection.awaitOpen(0);
    }

    @Test
    void whatIsLargerThanASegmentGoesInOneFrameToBeCut() throws Exception {
        establish(false, 0xFFFF);
        byte[] data = bytes(20_000);
        connection.write(data, 0);
        Seen large = only();
        assertThat(large.data()).isEqualTo(data);
        assertThat(large.frame().gsoType()).isEqualTo(HostFrame.GSO_TCPV4);
        assertThat(large.frame().segmentBytes()).isEqualTo(SEGMENT4);
        assertThat(large.frame().headersBytes()).isEqualTo(14 + 20 + 20);

        connection.write(bytes(SEGMENT4), 0);
        assertThat(only().frame().gsoType()).as("one segment").isEqualTo(HostFrame.GSO_NONE);
    }

    @Test
    void segmentsAreNoLargerThanThePeerTakes() throws Exception {
        connect(true);
        hostInitial = only().sequence();
        fromGuest(GUEST_INITIAL, hostInitial + 1, TCP_SYN | TCP_ACK, 0xFFFF, new byte[] {1, 1, 2, 4, 2, 0, 1, 0}, null);
        peer.take();
        connection.write(bytes(5_000), 0);
        assertThat(only().frame().segmentBytes()).isEqualTo(512);
    }

    @Test
    void noMoreIsUnderWayThanTheWindowPermits() throws Exception {
        establish(false, 3_000);
        byte[] data = bytes(10_000);
        connection.write(data, 0);
        assertThat(only().data()).isEqualTo(Arrays.copyOf(data, 3_000));
        assertThat(connection.unacknowledged()).isEqualTo(10_000);

        acknowledge(2_000, 3_000);
        assertThat(only().data()).isEqualTo(Arrays.copyOfRange(data, 3_000, 5_000));
        acknowledge(5_000, 0xFFFF);
        assertThat(only().data()).isEqualTo(Arrays.copyOfRange(data, 5_000, 10_000));
        acknowledge(10_000, 0xFFFF);
        assertThat(connection.unacknowledged()).isZero();
        assertThat(peer.take()).isEmpty();
    }

    @Test
    void whatNobodyAcknowledgesIsSentAgainFromThereOn() throws Exception {
        establish(false, 0xFFFF);
        byte[] data = bytes(3_000);
        connection.write(data, 0);
        peer.take();
        acknowledge(1_000, 0xFFFF);

        peer.stack.tick();
        assertThat(peer.take()).as("not yet").isEmpty();
        peer.nowNs += SECOND_NS;
        peer.stack.tick();
        Seen again = only();
        assertThat(again.sequence()).isEqualTo(hostInitial + 1 + 1_000);
        assertThat(again.data()).isEqualTo(Arrays.copyOfRange(data, 1_000, 3_000));

        // The first copy was not lost after all, and then its acknowledgment comes.
        acknowledge(3_000, 0xFFFF);
        peer.nowNs += 20 * SECOND_NS;
        peer.stack.tick();
        assertThat(peer.take()).isEmpty();
        assertThat(connection.fault()).isNull();
    }

    @Test
    void aPeerThatIsSilentForGoodIsNoticed() throws Exception {
        establish(false, 0xFFFF);
        connection.write(bytes(100), 0);
        for (int i = 0; i < 10; i++) {
            peer.nowNs += 20 * SECOND_NS;
            peer.stack.tick();
        }
        assertThat(connection.fault()).contains("nothing is acknowledged from byte 0 on");
        assertThatThrownBy(() -> connection.write(bytes(1), 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("nothing is acknowledged");
        assertThatThrownBy(() -> connection.read(ByteBuffer.allocate(1))).isInstanceOf(IOException.class);
    }

    @Test
    void aPeerThatNeverAnswersIsNoticed() throws Exception {
        connect(false);
        assertThatThrownBy(() -> connection.awaitOpen(0)).hasMessageContaining("was not accepted");
        peer.nowNs += SECOND_NS;
        peer.take();
        peer.stack.tick();
        assertThat(only().flags()).as("asked once more").isEqualTo(TCP_SYN);
        for (int i = 0; i < 10; i++) {
            peer.nowNs += 20 * SECOND_NS;
            peer.stack.tick();
        }
        assertThatThrownBy(() -> connection.awaitOpen(0)).hasMessageContaining("nobody answers");
    }

    @Test
    void aRefusalIsToldAtOnce() throws Exception {
        connect(false);
        fromGuest(0, only().sequence() + 1, TCP_RST | TCP_ACK, 0, new byte[0]);
        assertThatThrownBy(() -> connection.awaitOpen(0)).hasMessageContaining("refuses");
    }

    @Test
    void dataAheadOfOthersWaitsForThem() throws Exception {
        establish(false, 0xFFFF);
        byte[] data = bytes(300);
        data(200, Arrays.copyOfRange(data, 200, 300));
        assertThat(only().acknowledgment()).isEqualTo(GUEST_INITIAL + 1);
        data(0, Arrays.copyOf(data, 100));
        assertThat(only().acknowledgment()).isEqualTo(GUEST_INITIAL + 1 + 100);
        // Overlaps what is known on both sides.
        data(50, Arrays.copyOfRange(data, 50, 250));
        assertThat(only().acknowledgment()).isEqualTo(GUEST_INITIAL + 1 + 300);

        ByteBuffer first = ByteBuffer.allocate(120);
        assertThat(connection.read(first)).isEqualTo(120);
        ByteBuffer rest = ByteBuffer.allocate(1_000);
        assertThat(connection.read(rest)).isEqualTo(180);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(first.array());
        all.write(rest.array(), 0, 180);
        assertThat(all.toByteArray()).isEqualTo(data);
        assertThat(connection.read(rest)).isZero();
    }

    @Test
    void closesBehindTheLastByteAndSeesThePeerClose() throws Exception {
        establish(true, 50);
        connection.write(bytes(80), 0);
        connection.shutdownOutput();
        assertThat(only().flags() & TCP_FIN).as("30 bytes have to wait").isZero();
        acknowledge(50, 0xFFFF);
        List<HostFrame> sent = peer.take();
        assertThat(sent).hasSize(2);
        Seen fin = seen(sent.getLast());
        assertThat(fin.flags()).isEqualTo(TCP_FIN | TCP_ACK);
        assertThat(fin.sequence()).isEqualTo(hostInitial + 1 + 80);
        acknowledge(81, 0xFFFF);
        assertThat(connection.closed()).isFalse();

        fromGuest(GUEST_INITIAL + 1, hostInitial + 1 + 81, TCP_FIN | TCP_ACK, 0xFFFF, new byte[0]);
        Seen last = only();
        assertThat(last.acknowledgment()).isEqualTo(GUEST_INITIAL + 2);
        assertThat(last.sequence()).isEqualTo(hostInitial + 1 + 81);
        assertThat(connection.closed()).isTrue();
        assertThat(connection.read(ByteBuffer.allocate(1))).isEqualTo(-1);
        assertThatThrownBy(() -> connection.write(bytes(1), 0)).hasMessageContaining("closed for output");
    }

    @Test
    void aLostFinIsSentAgain() throws Exception {
        establish(false, 0xFFFF);
        connection.shutdownOutput();
        assertThat(only().flags()).isEqualTo(TCP_FIN | TCP_ACK);
        peer.nowNs += SECOND_NS;
        peer.stack.tick();
        Seen again = only();
        assertThat(again.flags()).isEqualTo(TCP_FIN | TCP_ACK);
        assertThat(again.sequence()).isEqualTo(hostInitial + 1);
        acknowledge(1, 0xFFFF);
        peer.nowNs += 20 * SECOND_NS;
        peer.stack.tick();
        assertThat(peer.take()).isEmpty();
    }

    @Test
    void aSegmentWithAWrongChecksumIsThrownAway() throws Exception {
        establish(false, 0xFFFF);
        byte[] segment = segment(GUEST_INITIAL + 1, hostInitial + 1, TCP_ACK | TCP_PSH, 0xFFFF, new byte[0], bytes(10));
        segment[segment.length - 1] ^= 1;
        peer.stack.received(HostFrame.plain(Peer.toHost(false, Frames.PROTOCOL_TCP, segment)));
        assertThat(connection.read(ByteBuffer.allocate(10))).isZero();
        assertThat(peer.stack.refused()).isEqualTo(1);
        assertThat(peer.stack.lastRefusal()).contains("wrong transport checksum");
    }

    // ---- The guest, as the test plays it

    private void connect(boolean overIpv6) throws Exception {
        six = overIpv6;
        connection = peer.stack.connect(
                new InetSocketAddress(InetAddress.getByAddress(Peer.host(six)), HOST_PORT),
                new InetSocketAddress(InetAddress.getByAddress(Peer.guest(six)), GUEST_PORT));
    }

    private void establish(boolean overIpv6, int window) throws Exception {
        connect(overIpv6);
        hostInitial = only().sequence();
        byte[] option = {2, 4, (byte) (SEGMENT4 >> 8), (byte) SEGMENT4};
        fromGuest(GUEST_INITIAL, hostInitial + 1, TCP_SYN | TCP_ACK, window, option, null);
        peer.take();
    }

    private void acknowledge(int position, int window) {
        fromGuest(GUEST_INITIAL + 1, hostInitial + 1 + position, TCP_ACK, window, new byte[0]);
    }

    private void data(int position, byte[] data) {
        fromGuest(GUEST_INITIAL + 1 + position, hostInitial + 1, TCP_ACK | TCP_PSH, 0xFFFF, data);
    }

    private void fromGuest(int sequence, int acknowledgment, int flags, int window, byte[] data) {
        fromGuest(sequence, acknowledgment, flags, window, new byte[0], data);
    }

    private void fromGuest(int sequence, int acknowledgment, int flags, int window, byte[] options, byte[] data) {
        byte[] segment = segment(sequence, acknowledgment, flags, window, options, data == null ? new byte[0] : data);
        peer.stack.received(HostFrame.plain(Peer.toHost(six, Frames.PROTOCOL_TCP, segment)));
    }

    private byte[] segment(int sequence, int acknowledgment, int flags, int window, byte[] options, byte[] data) {
        byte[] source = Peer.guest(six);
        byte[] destination = Peer.host(six);
        byte[] segment = Frames.tcp(
                source, destination, GUEST_PORT, HOST_PORT, sequence, acknowledgment, flags, options, data, false);
        ByteBuffer header = ByteBuffer.wrap(segment);
        header.putShort(14, (short) window).putShort(16, (short) 0);
        header.putShort(16, (short) Checksums.transport(source, destination, 6, segment, 0, segment.length));
        return segment;
    }

    /** The only frame sent since one was looked at. */
    private Seen only() {
        List<HostFrame> sent = peer.take();
        assertThat(sent).hasSize(1);
        return seen(sent.getFirst());
    }

    private static Seen seen(HostFrame frame) {
        IpView ip = IpView.of(frame.bytes());
        assertThat(ArrivalCheck.problem(frame, ip)).isNull();
        int at = ip.transportAt();
        int headerBytes = (frame.bytes()[at + 12] >> 4 & 0xF) * 4;
        return new Seen(
                frame,
                ip,
                IpView.i32(frame.bytes(), at + 4),
                IpView.i32(frame.bytes(), at + 8),
                frame.bytes()[at + 13] & 0xFF,
                ip.rest(at + headerBytes));
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }
}
