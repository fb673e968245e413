// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.traffic.Checksums;
import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostStackTest {
    private static final int HOST_PORT = 10_000;
    private static final int GUEST_PORT = 20_000;
    private static final byte[] BROADCAST = HexFormat.of().parseHex("ffffffffffff");
    private static final byte[] SOLICITED_MAC = HexFormat.of().parseHex("3333ff000001");
    private static final byte[] SOLICITED = HexFormat.of().parseHex("ff0200000000000000000001ff000001");

    private final Peer peer;

    HostStackTest() throws Exception {
        peer = new Peer();
    }

    @Test
    void answersArpForItsAddressOnly() {
        byte[] request = Frames.arpRequest(Peer.MAC, Peer.GUEST4, Peer.HOST4);
        peer.stack.received(HostFrame.plain(Frames.ethernet(BROADCAST, Peer.MAC, Frames.ETHERTYPE_ARP, request)));
        // RFC 826: who is asked answers with operation 2, and the two pairs of addresses change places.
        assertThat(only().bytes())
                .asHexString()
                .isEqualTo("020000000002020000000001080600010800060400020200000000010A000001" + "0200000000020A000002");

        byte[] other = Frames.arpRequest(Peer.MAC, Peer.GUEST4, new byte[] {10, 0, 0, 3});
        peer.stack.received(HostFrame.plain(Frames.ethernet(BROADCAST, Peer.MAC, Frames.ETHERTYPE_ARP, other)));
        assertThat(peer.take()).isEmpty();
    }

    @Test
    void answersNeighbourSolicitations() {
        peer.stack.received(HostFrame.plain(solicitation(Peer.GUEST6)));
        byte[] frame = only().bytes();
        IpView ip = IpView.of(frame);
        assertThat(Arrays.copyOf(frame, 6)).isEqualTo(Peer.MAC);
        assertThat(ip.source()).isEqualTo(Peer.HOST6);
        assertThat(ip.destination()).isEqualTo(Peer.GUEST6);
        assertThat(frame[14 + 7]).as("hop limit").isEqualTo((byte) 255);
        assertThat(ArrivalCheck.problem(HostFrame.plain(frame), ip)).isNull();
        assertThat(ip.rest(ip.transportAt() + 4))
                .as("solicited, override; target; target link-layer address")
                .asHexString()
                .isEqualTo("60000000" + "FD000000000000000000000000000001" + "0201" + "020000000001");
    }

    @Test
    void answersDuplicateAddressDetectionThroughAllNodes() {
        peer.stack.received(HostFrame.plain(solicitation(new byte[16])));
        byte[] frame = only().bytes();
        assertThat(Arrays.copyOf(frame, 6)).asHexString().isEqualTo("333300000001");
        IpView ip = IpView.of(frame);
        assertThat(ip.destination()).asHexString().isEqualTo("FF020000000000000000000000000001");
        assertThat(frame[ip.transportAt() + 4]).as("override only").isEqualTo((byte) 0x20);
    }

    private static byte[] solicitation(byte[] from) {
        ByteBuffer message = ByteBuffer.allocate(24);
        message.put((byte) 135).position(8).put(Peer.HOST6);
        int sum = Checksums.transport(from, SOLICITED, Frames.PROTOCOL_ICMPV6, message.array(), 0, 24);
        message.putShort(2, (short) sum);
        byte[] packet = Frames.ipv6(from, SOLICITED, Frames.PROTOCOL_ICMPV6, message.array());
        packet[7] = (byte) 255;
        return Frames.ethernet(SOLICITED_MAC, Peer.MAC, Frames.ETHERTYPE_IPV6, packet);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void answersEchoRequests(boolean six) {
        byte[] data = bytes(101);
        byte[] request =
                six ? Frames.icmpv6Echo(Peer.GUEST6, Peer.HOST6, 128, 7, 9, data) : Frames.icmpEcho(8, 7, 9, data);
        int protocol = six ? Frames.PROTOCOL_ICMPV6 : Frames.PROTOCOL_ICMP;
        peer.stack.received(HostFrame.plain(Peer.toHost(six, protocol, request)));
        HostFrame reply = only();
        IpView ip = IpView.of(reply.bytes());
        assertThat(ArrivalCheck.problem(reply, ip)).isNull();
        assertThat(ip.source()).isEqualTo(Peer.host(six));
        assertThat(ip.destination()).isEqualTo(Peer.guest(six));
        assertThat(reply.bytes()[ip.transportAt()]).isEqualTo(six ? (byte) 129 : 0);
        assertThat(ip.rest(ip.transportAt() + 4)).startsWith(0, 7, 0, 9).endsWith(data);
    }

    @Test
    void aBrokenEchoRequestIsNotAnswered() {
        byte[] request = Frames.icmpEcho(8, 7, 9, bytes(10));
        request[9] ^= 1;
        peer.stack.received(HostFrame.plain(Peer.toHost(false, Frames.PROTOCOL_ICMP, request)));
        assertThat(peer.take()).isEmpty();
        assertThat(peer.stack.refused()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDatagramLeavesItsChecksumToTheLink(boolean six) throws Exception {
        byte[] payload = bytes(100);
        socket(six).send(guestEnd(six), payload);
        HostFrame frame = only();
        IpView ip = IpView.of(frame.bytes());
        assertThat(frame.flags()).isEqualTo(HostFrame.NEEDS_CSUM);
        assertThat(frame.checksumStart()).isEqualTo(ip.transportAt());
        assertThat(frame.checksumOffset()).isEqualTo(6);
        assertThat(ArrivalCheck.problem(frame, ip)).isNull();
        assertThat(ip.rest(ip.transportAt() + 8)).isEqualTo(payload);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDatagramThatDoesNotFitGoesInFragments(boolean six) throws Exception {
        byte[] payload = bytes(4_000);
        socket(six).send(guestEnd(six), payload);
        List<HostFrame> frames = peer.take();
        assertThat(frames).hasSize(3).allSatisfy(frame -> {
            assertThat(frame.bytes().length).isLessThanOrEqualTo(14 + Peer.MTU);
            assertThat(frame.flags()).isZero();
        });
        ByteBuffer whole = ByteBuffer.allocate(8 + payload.length);
        for (HostFrame frame : frames) {
            IpView ip = IpView.of(frame.bytes());
            int extension = six ? ip.transportAt() : 14 + 4;
            int offset = IpView.u16(frame.bytes(), extension + 2);
            boolean more = (offset & (six ? 1 : 0x2000)) != 0;
            assertThat(more).isEqualTo(frame != frames.getLast());
            assertThat(six ? offset & ~7 : (offset & 0x1FFF) * 8).isEqualTo(whole.position());
            whole.put(ip.rest(six ? extension + 8 : ip.transportAt()));
        }
        assertThat(Arrays.copyOfRange(whole.array(), 8, whole.capacity())).isEqualTo(payload);
        assertThat(Checksums.transport(
                        Peer.host(six), Peer.guest(six), Frames.PROTOCOL_UDP, whole.array(), 0, whole.capacity()))
                .as("checksum over all fragments")
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void receivesDatagramsWithAndWithoutChecksum(boolean partial) throws Exception {
        byte[] payload = bytes(50);
        byte[] datagram = partial
                ? Frames.udpPartial(Peer.GUEST4, Peer.HOST4, GUEST_PORT, HOST_PORT, payload)
                : Frames.udp(Peer.GUEST4, Peer.HOST4, GUEST_PORT, HOST_PORT, payload);
        UdpEndpoint socket = socket(false);
        byte[] frame = Peer.toHost(false, Frames.PROTOCOL_UDP, datagram);
        peer.stack.received(partial ? HostFrame.partialChecksum(frame, 34, 6) : HostFrame.plain(frame));
        UdpEndpoint.Datagram received = socket.receive();
        assertThat(received.from()).isEqualTo(guestEnd(false));
        assertThat(received.payload()).isEqualTo(payload);
        assertThat(socket.receive()).isNull();
    }

    @Test
    void aRowOfDatagramsIsReceivedOneByOne() throws Exception {
        byte[] payload = bytes(700);
        byte[] datagram = Frames.udpPartial(Peer.GUEST4, Peer.HOST4, GUEST_PORT, HOST_PORT, payload);
        UdpEndpoint socket = socket(false);
        byte[] frame = Peer.toHost(false, Frames.PROTOCOL_UDP, datagram);
        peer.stack.received(HostFrame.segmented(frame, HostFrame.GSO_UDP_L4, 42, 300, 34, 6));
        assertThat(socket.receive().payload()).isEqualTo(Arrays.copyOf(payload, 300));
        assertThat(socket.receive().payload()).isEqualTo(Arrays.copyOfRange(payload, 300, 600));
        assertThat(socket.receive().payload()).isEqualTo(Arrays.copyOfRange(payload, 600, 700));
        assertThat(socket.receive()).isNull();
    }

    @Test
    void headersThatContradictThePacketAreRefused() throws Exception {
        byte[] datagram = Frames.udpPartial(Peer.GUEST4, Peer.HOST4, GUEST_PORT, HOST_PORT, bytes(50));
        byte[] frame = Peer.toHost(false, Frames.PROTOCOL_UDP, datagram);
        UdpEndpoint socket = socket(false);
        for (HostFrame broken : List.of(
                HostFrame.plain(frame),
                HostFrame.partialChecksum(frame, 30, 6),
                HostFrame.partialChecksum(frame, 34, 16),
                HostFrame.segmented(frame, HostFrame.GSO_TCPV4, 42, 10, 34, 6),
                HostFrame.segmented(frame, HostFrame.GSO_UDP_L4, 42, 0, 34, 6))) {
            peer.stack.received(broken);
            assertThat(socket.receive()).as(broken.toString()).isNull();
        }
        assertThat(peer.stack.refused()).isEqualTo(5);
    }

    @Test
    void whatItDoesNotKnowIsKeptToBeTaken() {
        byte[] frame = Frames.ethernet(Peer.HOST_MAC, Peer.MAC, 0x88B6, bytes(60));
        peer.stack.received(HostFrame.plain(frame));
        peer.stack.received(HostFrame.plain(Frames.ethernet(Peer.MAC, Peer.MAC, 0x88B6, bytes(60))));
        assertThat(peer.stack.takeUnclaimed()).isEqualTo(frame);
        assertThat(peer.stack.takeUnclaimed()).as("not for its MAC address").isNull();
    }

    @Test
    void brokenFramesOfAnyKindAreSurvived() {
        Random random = new Random(20_250_101);
        for (int i = 0; i < 50_000; i++) {
            boolean six = random.nextBoolean();
            int protocol = random.nextInt(4) == 0 ? random.nextInt(256) : new int[] {1, 6, 17, 58}[random.nextInt(4)];
            byte[] frame = Peer.toHost(six, protocol, bytes(random.nextInt(60)));
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                frame[12 + random.nextInt(frame.length - 12)] = (byte) random.nextInt(256);
            }
            byte[] cut = Arrays.copyOf(frame, random.nextInt(8) == 0 ? random.nextInt(frame.length) : frame.length);
            peer.stack.received(new HostFrame(
                    cut, 0, random.nextInt(4), random.nextInt(6), 0, random.nextInt(100), random.nextInt(100), 6));
        }
        assertThat(peer.stack.refused()).isPositive();
    }

    @Test
    void aNeighbourThatIsNotKnownIsTold() throws Exception {
        InetSocketAddress stranger = new InetSocketAddress("10.0.0.9", 1);
        UdpEndpoint socket = socket(false);
        assertThatThrownBy(() -> socket.send(stranger, bytes(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("10.0.0.9");
    }

    private HostFrame only() {
        List<HostFrame> sent = peer.take();
        assertThat(sent).hasSize(1);
        return sent.getFirst();
    }

    private UdpEndpoint socket(boolean six) throws Exception {
        return peer.stack.udp(new InetSocketAddress(InetAddress.getByAddress(Peer.host(six)), HOST_PORT));
    }

    private static InetSocketAddress guestEnd(boolean six) throws Exception {
        return new InetSocketAddress(InetAddress.getByAddress(Peer.guest(six)), GUEST_PORT);
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }
}
