// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Golden frames; their checksums were worked out apart from the code. */
class ResponderTest {
    private static final HexFormat HEX = HexFormat.of();
    private static final byte[] MAC = HEX.parseHex("525400123456");

    private static final String ARP_REQUEST = "ffffffffffff" + "0a0000000001" + "0806" + "0001080006040001"
            + "0a0000000001" + "0a090001" + "000000000000" + "0a090002";
    private static final String ARP_REPLY = "0a0000000001" + "525400123456" + "0806" + "0001080006040002"
            + "525400123456" + "0a090002" + "0a0000000001" + "0a090001";

    private static final String ECHO_REQUEST = "525400123456" + "0a0000000001" + "0800" + "450000200001000040010000"
            + "0a090001" + "0a090002" + "08000000" + "12340001" + "61626365";

    private EmbeddedChannel channel;

    @BeforeEach
    void pipeline() throws Exception {
        channel = new EmbeddedChannel();
        EthernetEchoHandlers.addTo(
                channel.pipeline(), MAC, (Inet4Address) InetAddress.getByName("10.9.0.2"), (Inet6Address)
                        InetAddress.getByName("fd00::2"));
    }

    private static ReceivedPacket packet(byte[] frame) {
        return new ReceivedPacket(3, frame, 0, 0, 0, 0, 0, 0, 1, 0, 0, frame.length + 12);
    }

    /** The answer's frame, or null if the packet was passed on. */
    private byte[] answer(byte[] frame) {
        ReceivedPacket packet = packet(frame);
        channel.writeInbound(packet);
        TransmitPacket reply = channel.readOutbound();
        if (reply == null) {
            assertThat(channel.<Object>readInbound()).isSameAs(packet);
            return null;
        }
        assertThat(channel.<Object>readInbound()).isNull();
        assertThat(reply).isEqualTo(TransmitPacket.plain(3, reply.frame()));
        return reply.frame();
    }

    private static byte[] with(byte[] frame, int at, int value) {
        byte[] changed = frame.clone();
        changed[at] = (byte) value;
        return changed;
    }

    /** Writes the complement of the 16-bit sum of the given ranges, as slowly and plainly as can be. */
    private static byte[] checksummed(byte[] frame, int field, int extra, int... ranges) {
        byte[] done = frame.clone();
        done[field] = done[field + 1] = 0;
        int sum = extra;
        for (int r = 0; r < ranges.length; r += 2) {
            for (int i = ranges[r]; i < ranges[r + 1]; i++) {
                int weight = (i - ranges[r]) % 2 == 0 ? 256 : 1;
                sum += (done[i] & 0xFF) * weight;
            }
        }
        sum = sum % 0xFFFF;
        int value = 0xFFFF - sum;
        done[field] = (byte) (value >> 8);
        done[field + 1] = (byte) value;
        return done;
    }

    @Test
    void answersArpRequestsForItsAddress() {
        byte[] request = HEX.parseHex(ARP_REQUEST);
        assertThat(HEX.formatHex(answer(request))).isEqualTo(ARP_REPLY);
        // A frame is padded to 60 bytes on a real link; the answer need not be.
        assertThat(HEX.formatHex(answer(Arrays.copyOf(request, 60)))).isEqualTo(ARP_REPLY);
    }

    @Test
    void passesOtherArpOn() {
        byte[] request = HEX.parseHex(ARP_REQUEST);
        assertThat(answer(with(request, 41, 3))).isNull();
        assertThat(answer(HEX.parseHex(ARP_REPLY))).isNull();
        assertThat(answer(Arrays.copyOf(request, 41))).isNull();
        assertThat(answer(new byte[0])).isNull();
    }

    private static byte[] echoRequest() {
        byte[] frame = HEX.parseHex(ECHO_REQUEST);
        return checksummed(checksummed(frame, 24, 0, 14, 34), 36, 0, 34, frame.length);
    }

    @Test
    void answersEchoRequests() {
        byte[] frame = HEX.parseHex("0a0000000001" + "525400123456" + "0800" + "450000200001000040010000" + "0a090002"
                + "0a090001" + "00000000" + "12340001" + "61626365");
        byte[] expected = checksummed(checksummed(frame, 24, 0, 14, 34), 36, 0, 34, frame.length);
        assertThat(HEX.formatHex(answer(echoRequest()))).isEqualTo(HEX.formatHex(expected));
        assertThat(HEX.formatHex(answer(Arrays.copyOf(echoRequest(), 60)))).isEqualTo(HEX.formatHex(expected));
    }

    @Test
    void passesOnEchoRequestsThatAreNotForItOrNotWhole() {
        byte[] request = echoRequest();
        // Another destination, a wrong checksum, a fragment, a truncated one, a reply.
        assertThat(answer(checksummed(with(request, 33, 9), 24, 0, 14, 34))).isNull();
        assertThat(answer(with(request, 45, 0x11))).isNull();
        assertThat(answer(checksummed(with(request, 20, 0x20), 24, 0, 14, 34))).isNull();
        assertThat(answer(Arrays.copyOf(request, 45))).isNull();
        assertThat(answer(checksummed(with(request, 34, 0), 36, 0, 34, 46))).isNull();
    }

    private static final String IPV6_PREFIX = "86dd" + "60000000";
    private static final String HOST = "fd000000000000000000000000000001";
    private static final String GUEST = "fd000000000000000000000000000002";

    private static byte[] icmpV6(String frame) {
        byte[] bytes = HEX.parseHex(frame);
        return checksummed(bytes, 56, bytes.length - 54 + 58, 22, 54, 54, bytes.length);
    }

    @Test
    void answersIpv6EchoRequests() {
        byte[] request = icmpV6("525400123456" + "0a0000000001" + IPV6_PREFIX + "000b3a40" + HOST + GUEST + "80000000"
                + "12340001" + "616263");
        byte[] expected = icmpV6("0a0000000001" + "525400123456" + IPV6_PREFIX + "000b3a40" + GUEST + HOST + "81000000"
                + "12340001" + "616263");
        assertThat(HEX.formatHex(answer(request))).isEqualTo(HEX.formatHex(expected));
        assertThat(answer(with(request, 53, 9))).isNull();
        assertThat(answer(with(request, 64, 9))).isNull();
        assertThat(answer(with(request, 20, 0))).isNull();
    }

    @Test
    void answersNeighbourSolicitations() {
        byte[] request = icmpV6("3333ff000002" + "0a0000000001" + IPV6_PREFIX + "00203aff" + HOST
                + "ff0200000000000000000001ff000002" + "8700000000000000" + GUEST + "01010a0000000001");
        byte[] expected = icmpV6("0a0000000001" + "525400123456" + IPV6_PREFIX + "00203aff" + GUEST + HOST
                + "8800000060000000" + GUEST + "0201525400123456");
        assertThat(HEX.formatHex(answer(request))).isEqualTo(HEX.formatHex(expected));
        // From beyond the link, for somebody else, wrong checksum.
        assertThat(answer(with(request, 21, 254))).isNull();
        assertThat(answer(with(request, 77, 3))).isNull();
        assertThat(answer(with(request, 56, request[56] + 1))).isNull();
    }

    @Test
    void answersDuplicateAddressDetectionToAllNodes() {
        byte[] request = icmpV6("3333ff000002" + "0a0000000001" + IPV6_PREFIX + "00183aff"
                + "00000000000000000000000000000000" + "ff0200000000000000000001ff000002" + "8700000000000000" + GUEST);
        byte[] expected = icmpV6("333300000001" + "525400123456" + IPV6_PREFIX + "00203aff" + GUEST
                + "ff020000000000000000000000000001" + "8800000020000000" + GUEST + "0201525400123456");
        assertThat(HEX.formatHex(answer(request))).isEqualTo(HEX.formatHex(expected));
    }
}
