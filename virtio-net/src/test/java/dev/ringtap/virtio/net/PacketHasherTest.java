// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.AUTHENTICATION;
import static dev.ringtap.virtio.net.Frames.DESTINATION_OPTIONS;
import static dev.ringtap.virtio.net.Frames.IPV4;
import static dev.ringtap.virtio.net.Frames.IPV6;
import static dev.ringtap.virtio.net.Frames.NO_NEXT_HEADER;
import static dev.ringtap.virtio.net.Frames.TCP;
import static dev.ringtap.virtio.net.Frames.UDP;
import static dev.ringtap.virtio.net.Frames.address;
import static dev.ringtap.virtio.net.Frames.authentication;
import static dev.ringtap.virtio.net.Frames.destinationOptions;
import static dev.ringtap.virtio.net.Frames.ether;
import static dev.ringtap.virtio.net.Frames.fragment;
import static dev.ringtap.virtio.net.Frames.hex;
import static dev.ringtap.virtio.net.Frames.homeAddress;
import static dev.ringtap.virtio.net.Frames.hopByHop;
import static dev.ringtap.virtio.net.Frames.ipv4;
import static dev.ringtap.virtio.net.Frames.ipv6;
import static dev.ringtap.virtio.net.Frames.join;
import static dev.ringtap.virtio.net.Frames.option;
import static dev.ringtap.virtio.net.Frames.routing;
import static dev.ringtap.virtio.net.Frames.shortRouting;
import static dev.ringtap.virtio.net.Frames.tag;
import static dev.ringtap.virtio.net.Frames.tcp;
import static dev.ringtap.virtio.net.Frames.u16;
import static dev.ringtap.virtio.net.Frames.udp;
import static dev.ringtap.virtio.net.Frames.zeros;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.Frames.Extension;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Collections;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PacketHasherTest {
    private static final byte[] KEY = ToeplitzTest.KEY;
    private static final String SRC4 = "10.9.0.1";
    private static final String DST4 = "10.9.0.2";
    private static final String SRC6 = "fd00::1";
    private static final String DST6 = "fd00::2";
    private static final String HOME = "2001:db8::77";
    private static final String ROUTED = "2001:db8::88";

    private static final byte[] FLOW4 = join(address(SRC4), address(DST4));
    private static final byte[] FLOW6 = join(address(SRC6), address(DST6));
    private static final byte[] PORTS = join(u16(4001), u16(777));

    private static int types(HashType... types) {
        int mask = 0;
        for (HashType type : types) {
            mask |= type.mask();
        }
        return mask;
    }

    private static PacketHasher hash(int types, byte[] frame) {
        PacketHasher hasher = new PacketHasher(new Toeplitz(KEY), types);
        // Odd offset, and what surrounds the frame must not matter.
        byte[] surrounded = new byte[frame.length + 80];
        Arrays.fill(surrounded, (byte) 0xA5);
        System.arraycopy(frame, 0, surrounded, 37, frame.length);
        hasher.hash(MemorySegment.ofArray(surrounded), 37, frame.length);
        return hasher;
    }

    private static void assertHash(int types, byte[] frame, int report, byte[]... fields) {
        PacketHasher hasher = hash(types, frame);
        assertThat(HashReport.name(hasher.report())).isEqualTo(HashReport.name(report));
        assertThat(hasher.value()).isEqualTo(BitwiseToeplitz.hash(KEY, join(fields)));
    }

    private static void assertUnclassified(int types, byte[] frame) {
        PacketHasher hasher = hash(types, frame);
        assertThat(HashReport.name(hasher.report())).isEqualTo("NONE");
        assertThat(hasher.value()).isZero();
    }

    private static byte[] frame4(int protocol, byte[] payload) {
        return ether(IPV4, ipv4(SRC4, DST4, protocol, payload));
    }

    private static byte[] frame6(int upper, byte[] payload, Extension... extensions) {
        return ether(IPV6, ipv6(SRC6, DST6, upper, payload, extensions));
    }

    @ParameterizedTest
    @CsvSource({
        "17, 4001, 777, a6c2f7fa, 3",
        "17, 4002, 777, fd1306c3, 3",
        "6,  5001, 778, 88932f6c, 2",
        "1,  0,    0,   bb3a7dec, 1",
    })
    void agreesWithAnswersOfQemusDevice(int protocol, int source, int destination, String value, int report) {
        byte[] payload = protocol == TCP ? tcp(source, destination) : udp(source, destination);
        PacketHasher hasher = hash(HashType.ALL, frame4(protocol, payload));
        assertThat(hasher.report()).isEqualTo(report);
        assertThat(hasher.value()).isEqualTo(Integer.parseUnsignedInt(value, 16));
    }

    @Test
    void forgetsThePreviousFrame() {
        PacketHasher hasher = new PacketHasher(new Toeplitz(KEY), HashType.ALL);
        byte[] extended = frame6(UDP, udp(4001, 777), destinationOptions(homeAddress(HOME)), routing(2, ROUTED));
        hasher.hash(MemorySegment.ofArray(extended), 0, extended.length);
        assertThat(hasher.report()).isEqualTo(HashReport.UDPV6_EX);
        byte[] plain = frame6(NO_NEXT_HEADER, zeros(0));
        hasher.hash(MemorySegment.ofArray(plain), 0, plain.length);
        assertThat(hasher.report()).isEqualTo(HashReport.IPV6);
        assertThat(hasher.value()).isEqualTo(BitwiseToeplitz.hash(KEY, FLOW6));
        hasher.hash(MemorySegment.ofArray(plain), 0, 13);
        assertThat(hasher.report()).isZero();
        assertThat(hasher.value()).isZero();
    }

    @Test
    void computesNothingWithoutTypes() {
        assertUnclassified(0, frame4(TCP, tcp(4001, 777)));
        assertUnclassified(0, frame6(TCP, tcp(4001, 777), destinationOptions(homeAddress(HOME))));
    }

    @Nested
    class NetworkHeader {
        @ParameterizedTest
        @ValueSource(ints = {0, 1, 12, 13, 14})
        void shortFrameIsUnclassified(int length) {
            assertUnclassified(HashType.ALL, Arrays.copyOf(frame4(UDP, udp(4001, 777)), length));
        }

        @ParameterizedTest
        @ValueSource(ints = {0x0806, 0x88CC, 0x05DC, 0x0026, 0x8847, 0x9100, 0x0801, 0x86DC})
        void otherEtherTypesAreUnclassified(int type) {
            assertUnclassified(HashType.ALL, ether(type, ipv4(SRC4, DST4, UDP, udp(4001, 777))));
            assertUnclassified(HashType.ALL, ether(type, ipv6(SRC6, DST6, UDP, udp(4001, 777))));
        }

        @ParameterizedTest
        @ValueSource(ints = {0x8100, 0x88A8})
        void oneTagIsSkipped(int tpid) {
            assertHash(
                    HashType.ALL,
                    ether(tpid, tag(IPV4, ipv4(SRC4, DST4, UDP, udp(4001, 777)))),
                    HashReport.UDPV4,
                    FLOW4,
                    PORTS);
            assertHash(
                    HashType.ALL,
                    ether(tpid, tag(IPV6, ipv6(SRC6, DST6, TCP, tcp(4001, 777)))),
                    HashReport.TCPV6,
                    FLOW6,
                    PORTS);
        }

        @ParameterizedTest
        @CsvSource({"33024, 33024", "33024, 34984", "34984, 33024", "34984, 34984"})
        void twoTagsAreSkippedInAnyCombination(int outer, int inner) {
            assertHash(
                    HashType.ALL,
                    ether(outer, tag(inner, tag(IPV4, ipv4(SRC4, DST4, UDP, udp(4001, 777))))),
                    HashReport.UDPV4,
                    FLOW4,
                    PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x8100, 0x88A8})
        void thirdTagMakesThePacketUnclassified(int third) {
            assertUnclassified(
                    HashType.ALL,
                    ether(0x88A8, tag(0x8100, tag(third, tag(IPV4, ipv4(SRC4, DST4, UDP, udp(4001, 777)))))));
        }

        @ParameterizedTest
        @ValueSource(ints = {14, 15, 16, 17, 18, 19, 20, 21, 22})
        void frameThatEndsInItsTagsIsUnclassified(int length) {
            byte[] frame = ether(0x88A8, tag(0x8100, tag(IPV4, ipv4(SRC4, DST4, UDP, udp(4001, 777)))));
            assertUnclassified(HashType.ALL, Arrays.copyOf(frame, length));
        }
    }

    @Nested
    class Ipv4 {
        private final byte[] tcp = frame4(TCP, tcp(4001, 777));
        private final byte[] udp = frame4(UDP, udp(4001, 777));

        @Test
        void typesAreTriedFromTcpToIp() {
            assertHash(HashType.ALL, tcp, HashReport.TCPV4, FLOW4, PORTS);
            assertHash(HashType.ALL, udp, HashReport.UDPV4, FLOW4, PORTS);
            assertHash(types(HashType.TCPV4), tcp, HashReport.TCPV4, FLOW4, PORTS);
            assertHash(types(HashType.UDPV4), udp, HashReport.UDPV4, FLOW4, PORTS);
            assertHash(HashType.ALL & ~types(HashType.TCPV4), tcp, HashReport.IPV4, FLOW4);
            assertHash(HashType.ALL & ~types(HashType.UDPV4), udp, HashReport.IPV4, FLOW4);
            assertHash(types(HashType.IPV4), tcp, HashReport.IPV4, FLOW4);
            assertUnclassified(types(HashType.UDPV4), tcp);
            assertUnclassified(types(HashType.TCPV4), udp);
            assertUnclassified(HashType.ALL & ~types(HashType.TCPV4, HashType.IPV4), tcp);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 2, 41, 44, 47, 51, 58, 132, 136, 255})
        void otherProtocolsHaveNoTransportHeader(int protocol) {
            assertHash(HashType.ALL, frame4(protocol, tcp(4001, 777)), HashReport.IPV4, FLOW4);
        }

        @Test
        void transportHeaderIsLookedForAfterTheOptions() {
            byte[] options = hex("07 27 04") /* record route */;
            byte[] padded = Arrays.copyOf(options, 40);
            assertHash(
                    HashType.ALL,
                    ether(IPV4, ipv4(SRC4, DST4, 0, UDP, padded, udp(4001, 777))),
                    HashReport.UDPV4,
                    FLOW4,
                    PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x05, 0x15, 0x35, 0x55, 0x65, 0xF5, 0x40, 0x44})
        void wrongVersionOrHeaderLengthIsUnclassified(int first) {
            byte[] frame = udp.clone();
            frame[14] = (byte) first;
            assertUnclassified(HashType.ALL, frame);
        }

        @Test
        void headerBeyondTheFrameIsUnclassified() {
            assertUnclassified(HashType.ALL, Arrays.copyOf(udp, 14 + 19));
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 20), HashReport.IPV4, FLOW4);
            byte[] options = ether(IPV4, ipv4(SRC4, DST4, 0, UDP, zeros(8), zeros(0)));
            assertUnclassified(HashType.ALL, Arrays.copyOf(options, 14 + 27));
            assertHash(HashType.ALL, options, HashReport.IPV4, FLOW4);
        }

        @Test
        void transportHeaderCountsOnlyWhole() {
            assertHash(HashType.ALL, Arrays.copyOf(tcp, 14 + 20 + 19), HashReport.IPV4, FLOW4);
            assertHash(HashType.ALL, Arrays.copyOf(tcp, 14 + 20 + 20), HashReport.TCPV4, FLOW4, PORTS);
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 20 + 7), HashReport.IPV4, FLOW4);
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 20 + 8), HashReport.UDPV4, FLOW4, PORTS);
            assertUnclassified(types(HashType.TCPV4), Arrays.copyOf(tcp, 14 + 20 + 19));
        }

        @ParameterizedTest
        @ValueSource(ints = {0x2000, 0x0001, 0x1FFF, 0x2001, 0x3FFF, 0xA000})
        void noFragmentHasATransportHeader(int fragment) {
            byte[] frame = ether(IPV4, ipv4(SRC4, DST4, fragment, UDP, zeros(0), udp(4001, 777)));
            assertHash(HashType.ALL, frame, HashReport.IPV4, FLOW4);
            assertUnclassified(types(HashType.UDPV4, HashType.TCPV4), frame);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x4000, 0x8000, 0xC000})
        void dontFragmentAndTheReservedBitDoNotMatter(int flags) {
            assertHash(
                    HashType.ALL,
                    ether(IPV4, ipv4(SRC4, DST4, flags, UDP, zeros(0), udp(4001, 777))),
                    HashReport.UDPV4,
                    FLOW4,
                    PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 20, 27, 0xFFFF})
        void totalLengthIsNotConsulted(int totalLength) {
            byte[] frame = udp.clone();
            frame[16] = (byte) (totalLength >>> 8);
            frame[17] = (byte) totalLength;
            assertHash(HashType.ALL, frame, HashReport.UDPV4, FLOW4, PORTS);
        }
    }

    @Nested
    class Ipv6 {
        private final byte[] tcp = frame6(TCP, tcp(4001, 777));
        private final byte[] udp = frame6(UDP, udp(4001, 777));

        @Test
        void typesAreTriedFromTcpToIp() {
            assertHash(HashType.ALL, tcp, HashReport.TCPV6, FLOW6, PORTS);
            assertHash(HashType.ALL, udp, HashReport.UDPV6, FLOW6, PORTS);
            assertHash(types(HashType.TCPV6), tcp, HashReport.TCPV6, FLOW6, PORTS);
            assertHash(types(HashType.UDPV6), udp, HashReport.UDPV6, FLOW6, PORTS);
            assertHash(HashType.ALL & ~types(HashType.TCPV6), tcp, HashReport.IPV6, FLOW6);
            assertHash(HashType.ALL & ~types(HashType.UDPV6), udp, HashReport.IPV6, FLOW6);
            assertHash(types(HashType.IPV6), udp, HashReport.IPV6, FLOW6);
            assertUnclassified(types(HashType.UDPV6), tcp);
            assertUnclassified(types(HashType.TCPV6), udp);
        }

        @Test
        void typesOfExtensionHeadersNeedOne() {
            int ex = types(HashType.IP_EX, HashType.TCP_EX, HashType.UDP_EX);
            assertUnclassified(ex, tcp);
            assertUnclassified(ex, udp);
            assertUnclassified(ex, frame6(NO_NEXT_HEADER, zeros(0)));
            assertUnclassified(ex, frame6(UDP, udp(4001, 777), hopByHop(), fragment(0), authentication(1)));
        }

        @ParameterizedTest
        @ValueSource(ints = {0x00, 0x40, 0x50, 0x70, 0xF0})
        void wrongVersionIsUnclassified(int first) {
            byte[] frame = udp.clone();
            frame[14] = (byte) first;
            assertUnclassified(HashType.ALL, frame);
        }

        @Test
        void headerBeyondTheFrameIsUnclassified() {
            assertUnclassified(HashType.ALL, Arrays.copyOf(udp, 14 + 39));
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 40), HashReport.IPV6, FLOW6);
        }

        @Test
        void transportHeaderCountsOnlyWhole() {
            assertHash(HashType.ALL, Arrays.copyOf(tcp, 14 + 40 + 19), HashReport.IPV6, FLOW6);
            assertHash(HashType.ALL, Arrays.copyOf(tcp, 14 + 40 + 20), HashReport.TCPV6, FLOW6, PORTS);
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 40 + 7), HashReport.IPV6, FLOW6);
            assertHash(HashType.ALL, Arrays.copyOf(udp, 14 + 40 + 8), HashReport.UDPV6, FLOW6, PORTS);
        }

        @Test
        void payloadLengthIsNotConsulted() {
            byte[] frame = udp.clone();
            frame[14 + 4] = 0;
            frame[14 + 5] = 0;
            assertHash(HashType.ALL, frame, HashReport.UDPV6, FLOW6, PORTS);
        }

        @Test
        void everyKnownExtensionHeaderIsWalkedOver() {
            assertHash(
                    HashType.ALL,
                    frame6(
                            UDP,
                            udp(4001, 777),
                            hopByHop(),
                            destinationOptions(option(1, zeros(4))),
                            shortRouting(0),
                            fragment(0),
                            authentication(1),
                            authentication(4),
                            destinationOptions(option(1, zeros(30)))),
                    HashReport.UDPV6,
                    FLOW6,
                    PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 2, 3, 4, 253})
        void authenticationHeaderIsCountedInFours(int length) {
            assertHash(
                    HashType.ALL, frame6(TCP, tcp(4001, 777), authentication(length)), HashReport.TCPV6, FLOW6, PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {50, 59, 58, 41, 135, 139, 140, 253, 254, 1, 4})
        void anyOtherHeaderEndsTheWalk(int header) {
            // Looks like an extension header that leads to UDP.
            byte[] payload = join(new byte[] {UDP, 0}, zeros(6), udp(4001, 777));
            assertHash(HashType.ALL, frame6(header, payload), HashReport.IPV6, FLOW6);
            assertHash(HashType.ALL, frame6(header, payload, hopByHop()), HashReport.IPV6, FLOW6);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x0000, 0x0002, 0x0004, 0x0006})
        void atomicFragmentIsSkippedWhateverItsReservedBits(int bits) {
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), fragment(bits)), HashReport.UDPV6, FLOW6, PORTS);
        }

        @ParameterizedTest
        @ValueSource(ints = {0x0001, 0x0008, 0xFFF8, 0x0009, 0xFFFF})
        void anyOtherFragmentHasNoTransportHeader(int bits) {
            byte[] frame = frame6(UDP, udp(4001, 777), fragment(bits));
            assertHash(HashType.ALL, frame, HashReport.IPV6, FLOW6);
            assertUnclassified(types(HashType.UDPV6, HashType.UDP_EX, HashType.IP_EX), frame);
        }

        @Test
        void addressesBeforeAFragmentHeaderCountThoseBehindDoNot() {
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), destinationOptions(homeAddress(HOME)), fragment(1), routing(2, ROUTED)),
                    HashReport.IPV6_EX,
                    address(HOME),
                    address(DST6));
        }

        @Test
        void twelveExtensionHeadersAreWalkedAThirteenthEndsTheWalk() {
            Extension[] twelve = Collections.nCopies(12, hopByHop()).toArray(Extension[]::new);
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), twelve), HashReport.UDPV6, FLOW6, PORTS);
            Extension[] thirteen = Collections.nCopies(13, hopByHop()).toArray(Extension[]::new);
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), thirteen), HashReport.IPV6, FLOW6);
        }

        @Test
        void nothingIsTakenOutOfAThirteenthHeader() {
            Extension[] headers = Collections.nCopies(13, hopByHop()).toArray(Extension[]::new);
            headers[12] = routing(2, ROUTED);
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), headers), HashReport.IPV6, FLOW6);
            headers[11] = destinationOptions(homeAddress(HOME));
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), headers),
                    HashReport.IPV6_EX,
                    address(HOME),
                    address(DST6));
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 7, 8, 15, 23})
        void nothingIsTakenOutOfAHeaderThatRunsOverTheFramesEnd(int present) {
            byte[] routed = frame6(UDP, udp(4001, 777), routing(2, ROUTED));
            assertHash(HashType.ALL, Arrays.copyOf(routed, 14 + 40 + present), HashReport.IPV6, FLOW6);
            byte[] home = frame6(UDP, udp(4001, 777), destinationOptions(homeAddress(HOME)));
            assertHash(HashType.ALL, Arrays.copyOf(home, 14 + 40 + present), HashReport.IPV6, FLOW6);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 7})
        void fragmentOrAuthenticationHeaderCutShortEndsTheWalk(int present) {
            byte[] fragmented = frame6(UDP, udp(4001, 777), fragment(0));
            assertHash(HashType.ALL, Arrays.copyOf(fragmented, 14 + 40 + present), HashReport.IPV6, FLOW6);
            byte[] authenticated = frame6(UDP, udp(4001, 777), authentication(1));
            assertHash(HashType.ALL, Arrays.copyOf(authenticated, 14 + 40 + present), HashReport.IPV6, FLOW6);
            assertHash(HashType.ALL, Arrays.copyOf(authenticated, 14 + 40 + 11), HashReport.IPV6, FLOW6);
        }
    }

    @Nested
    class MobileIpv6 {
        private final Extension home = destinationOptions(homeAddress(HOME));
        private final Extension routed = routing(2, ROUTED);

        @Test
        void eachAddressIsReplacedWhereItWasFound() {
            assertHash(
                    HashType.ALL,
                    frame6(TCP, tcp(4001, 777), home),
                    HashReport.TCPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), routed),
                    HashReport.UDPV6_EX,
                    address(SRC6),
                    address(ROUTED),
                    PORTS);
            assertHash(
                    HashType.ALL,
                    frame6(NO_NEXT_HEADER, zeros(0), routed, home),
                    HashReport.IPV6_EX,
                    address(HOME),
                    address(ROUTED));
        }

        @Test
        void typesAreTriedFromTcpExDownToPlainIpv6() {
            byte[] tcp = frame6(TCP, tcp(4001, 777), home);
            byte[] udp = frame6(UDP, udp(4001, 777), home);
            byte[] extended = join(address(HOME), address(DST6));
            // An *_EX type of lower rank is preferred to a plain type of higher rank.
            int all = HashType.ALL;
            assertHash(all & ~types(HashType.TCP_EX), tcp, HashReport.IPV6_EX, extended);
            assertHash(all & ~types(HashType.UDP_EX), udp, HashReport.IPV6_EX, extended);
            assertHash(all & ~types(HashType.TCP_EX, HashType.IP_EX), tcp, HashReport.TCPV6, FLOW6, PORTS);
            assertHash(all & ~types(HashType.UDP_EX, HashType.IP_EX), udp, HashReport.UDPV6, FLOW6, PORTS);
            assertHash(types(HashType.TCP_EX, HashType.IPV6), udp, HashReport.IPV6, FLOW6);
            // Each alone works: no plain type need be enabled with it.
            assertHash(types(HashType.TCP_EX), tcp, HashReport.TCPV6_EX, extended, PORTS);
            assertHash(types(HashType.UDP_EX), udp, HashReport.UDPV6_EX, extended, PORTS);
            assertHash(types(HashType.IP_EX), tcp, HashReport.IPV6_EX, extended);
            assertUnclassified(types(HashType.UDP_EX), tcp);
            assertUnclassified(types(HashType.TCP_EX), udp);
        }

        @Test
        void plainTypesUseThePacketsOwnAddresses() {
            assertHash(
                    types(HashType.IPV6, HashType.TCPV6, HashType.UDPV6),
                    frame6(UDP, udp(4001, 777), home, routed),
                    HashReport.UDPV6,
                    FLOW6,
                    PORTS);
        }

        @Test
        void firstHomeAddressCounts() {
            byte[] second = homeAddress("2001:db8::99");
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), destinationOptions(homeAddress(HOME), second)),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), home, destinationOptions(second)),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
        }

        @Test
        void firstRoutingHeaderOfTypeTwoThatHoldsAnAddressCounts() {
            assertHash(
                    HashType.ALL,
                    frame6(
                            UDP,
                            udp(4001, 777),
                            routing(0, "2001:db8::99"),
                            routing(4, "2001:db8::99"),
                            shortRouting(2),
                            routed,
                            routing(2, "2001:db8::99")),
                    HashReport.UDPV6_EX,
                    address(SRC6),
                    address(ROUTED),
                    PORTS);
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), shortRouting(2)), HashReport.UDPV6, FLOW6, PORTS);
        }

        @Test
        void longerRoutingHeaderHasItsAddressAtTheSamePlace() {
            Extension longer =
                    new Extension(Frames.ROUTING, join(new byte[] {0, 4, 2, 0}, zeros(4), address(ROUTED), zeros(16)));
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), longer),
                    HashReport.UDPV6_EX,
                    address(SRC6),
                    address(ROUTED),
                    PORTS);
        }

        @Test
        void homeAddressIsFoundBehindOtherOptionsAndPadding() {
            assertHash(
                    HashType.ALL,
                    frame6(
                            UDP,
                            udp(4001, 777),
                            destinationOptions(
                                    hex("00"),
                                    option(1, zeros(2)),
                                    option(0xC9, zeros(15)),
                                    hex("0000"),
                                    option(0xC9, zeros(17)),
                                    option(0xC9, zeros(0)),
                                    homeAddress(HOME))),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
        }

        @Test
        void homeAddressInAnotherHeaderThanDestinationOptionsIsNone() {
            Extension hopByHop = new Extension(
                    Frames.HOP_BY_HOP, destinationOptions(homeAddress(HOME)).bytes());
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), hopByHop), HashReport.UDPV6, FLOW6, PORTS);
        }

        @Test
        void optionThatRunsOverItsHeadersEndEndsTheSearchThere() {
            // 16 bytes long, though the option says 16 bytes of data from byte 4 on.
            Extension cut = new Extension(DESTINATION_OPTIONS, join(new byte[] {0, 1}, hex("c9 10"), zeros(12)));
            assertHash(HashType.ALL, frame6(UDP, udp(4001, 777), cut), HashReport.UDPV6, FLOW6, PORTS);
            // The next header is searched again.
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), cut, home),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
            // A type at the very end has no length byte.
            Extension type = new Extension(DESTINATION_OPTIONS, join(new byte[] {0, 0}, zeros(5), hex("c9")));
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), type, home),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
        }

        @Test
        void homeAddressMayEndWithItsHeader() {
            Extension exact = destinationOptions(option(1, zeros(2)), homeAddress(HOME));
            assertThat(exact.bytes()).hasSize(24);
            assertHash(
                    HashType.ALL,
                    frame6(UDP, udp(4001, 777), exact),
                    HashReport.UDPV6_EX,
                    address(HOME),
                    address(DST6),
                    PORTS);
        }

        @ParameterizedTest
        @CsvSource({"31, true", "32, false"})
        void thirtySecondOptionIsTheLastLookedAt(int before, boolean found) {
            byte[] pads = zeros(before);
            assertOptionLimit(found, destinationOptions(pads, homeAddress(HOME)));
        }

        @ParameterizedTest
        @CsvSource({"13, true", "14, false"})
        void optionsAreSummedOverAllDestinationOptionsHeaders(int before, boolean found) {
            // Six Pad1 in each of three headers: 18 options.
            Extension six = destinationOptions(zeros(6));
            assertOptionLimit(found, six, hopByHop(), six, six, destinationOptions(zeros(before), homeAddress(HOME)));
        }

        private void assertOptionLimit(boolean found, Extension... headers) {
            byte[] frame = frame6(UDP, udp(4001, 777), headers);
            if (found) {
                assertHash(HashType.ALL, frame, HashReport.UDPV6_EX, address(HOME), address(DST6), PORTS);
            } else {
                // The walk goes on: there are ports.
                assertHash(HashType.ALL, frame, HashReport.UDPV6, FLOW6, PORTS);
            }
        }

        @Test
        void addressFoundCountsThoughTheWalkFailsLater() {
            byte[] frame = frame6(AUTHENTICATION, zeros(3), home);
            assertHash(HashType.ALL, frame, HashReport.IPV6_EX, address(HOME), address(DST6));
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyTypeAloneReportsItself(HashType type) {
        byte[][] frames = {
            frame4(1, zeros(8)),
            frame4(TCP, tcp(1, 2)),
            frame4(UDP, udp(1, 2)),
            frame6(58, zeros(8)),
            frame6(TCP, tcp(1, 2)),
            frame6(UDP, udp(1, 2)),
            frame6(58, zeros(8), routing(2, ROUTED)),
            frame6(TCP, tcp(1, 2), routing(2, ROUTED)),
            frame6(UDP, udp(1, 2), routing(2, ROUTED)),
        };
        assertThat(hash(type.mask(), frames[type.ordinal()]).report()).isEqualTo(type.report());
        assertThat(hash(HashType.ALL, frames[type.ordinal()]).report()).isEqualTo(type.report());
    }

    @Test
    void allocatesNothing() {
        byte[] longest =
                frame6(UDP, udp(4001, 777), hopByHop(), destinationOptions(homeAddress(HOME)), routing(2, ROUTED));
        PacketHasher hasher = new PacketHasher(new Toeplitz(KEY), HashType.ALL);
        RssConfig rss = new RssConfig(HashType.ALL, 0, new int[128], 1, KEY);
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment frame = arena.allocate(longest.length);
            MemorySegment.copy(longest, 0, frame, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, longest.length);
            long least = Long.MAX_VALUE;
            int queues = 0;
            for (int round = 0; round < 10; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 5_000; i++) {
                    hasher.hash(frame, 0, longest.length);
                    queues += rss.queueFor(hasher.value(), hasher.report());
                }
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(queues).isZero();
            // The measurement itself may cost a little; a single object per packet would be 80,000 bytes.
            assertThat(least).isLessThan(1_000);
        }
    }
}
