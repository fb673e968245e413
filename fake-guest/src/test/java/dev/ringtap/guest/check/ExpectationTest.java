// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.check.Expectation.Answer;
import dev.ringtap.guest.check.Expectation.Hash;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.guest.traffic.Frames.Extension;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpectationTest {
    /** The key of Microsoft's "Verifying the RSS hash calculation". */
    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    private static final byte[] A4 = address("192.0.2.1");
    private static final byte[] B4 = address("192.0.2.2");
    private static final byte[] A6 = address("2001:db8::1");
    private static final byte[] B6 = address("2001:db8::2");
    private static final byte[] HOME = address("2001:db8:1::aaaa");
    private static final byte[] ROUTED = address("2001:db8:2::bbbb");
    private static final byte[] UDP6 = Frames.udp(A6, B6, 1000, 2000, new byte[4]);
    private static final byte[] TCP6 = tcp(A6, B6);

    @ParameterizedTest
    @CsvSource({
        "66.9.149.187, 2794, 161.142.100.80, 1766,  323e8fc2, 51ccc178",
        "199.92.111.2, 14230, 65.69.140.83, 4739, d718262a, c626b0ea",
        "24.19.198.95, 12898, 12.22.207.184, 38024, d2d0a5de, 5c2b394a",
        "38.27.205.30, 48228, 209.142.163.6, 2217, 82989176, afc7327f",
        "153.39.163.191, 44251, 202.188.127.2, 1303, 5d1809c5, 10e828a2",
        "3ffe:2501:200:1fff::7,           2794,  3ffe:2501:200:3::1,      1766,  2cc18cd5, 40207d3d",
        "3ffe:501:8::260:97ff:fe40:efab,  14230, ff02::1,                 4739,  0f0c461c, dde51bbf",
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf, 44251, fe80::200:f8ff:fe21:67cf, 38024, 4b61e985, 02d1feef",
    })
    void publishedVectors(
            String source, int sourcePort, String target, int targetPort, String addresses, String ports) {
        byte[] from = address(source);
        byte[] to = address(target);
        byte[] segment = Frames.tcp(from, to, sourcePort, targetPort, 1, 1, 16, new byte[0], new byte[0], false);
        byte[] frame = from.length == 4
                ? frame(0x0800, Frames.ipv4(from, to, 6, segment))
                : frame(0x86DD, Frames.ipv6(from, to, 6, segment));
        int plain = from.length == 4 ? HashTypes.IPV4 : HashTypes.IPV6;
        int tcp = from.length == 4 ? HashTypes.TCPV4 : HashTypes.TCPV6;
        assertThat(Expectation.hash(frame, HashTypes.ALL, KEY))
                .isEqualTo(new Hash(HexFormat.fromHexDigits(ports), HashTypes.report(tcp)));
        assertThat(Expectation.hash(frame, plain, KEY))
                .isEqualTo(new Hash(HexFormat.fromHexDigits(addresses), HashTypes.report(plain)));
    }

    @Test
    void queueIsTheTableEntryOfTheLowBits() {
        byte[] frame = frame(0x0800, Frames.ipv4(A4, B4, 6, tcp(A4, B4)));
        int hash = Expectation.hash(frame, HashTypes.ALL, KEY).value();
        int[] table = IntStream.range(0, 8).map(i -> 7 - i).toArray();
        GuestRss rss = new GuestRss(HashTypes.ALL, table, 3, KEY);
        assertThat(Expectation.of(frame, rss)).isEqualTo(new Answer(7 - (hash & 7), hash, 2));
        assertThat(Expectation.of(frame, rss.withHashTypes(HashTypes.UDPV4))).isEqualTo(new Answer(3, 0, 0));
        assertThat(Expectation.of(frame, rss.withTable(5))).isEqualTo(new Answer(5, hash, 2));
    }

    @Test
    void ipv4FallsBackTypeByType() {
        byte[] udp = frame(0x0800, Frames.ipv4(A4, B4, 17, Frames.udp(A4, B4, 1, 2, new byte[0])));
        assertThat(report(udp, HashTypes.ALL)).isEqualTo(3);
        assertThat(report(udp, HashTypes.TCPV4 | HashTypes.IPV4)).isEqualTo(1);
        assertThat(report(udp, HashTypes.TCPV4 | HashTypes.IPV6)).isZero();
    }

    @Test
    void ipv4TransportHeaderMustBeWhole() {
        byte[] tcp = frame(0x0800, Frames.ipv4(A4, B4, 6, tcp(A4, B4)));
        assertThat(report(tcp, HashTypes.ALL)).isEqualTo(2);
        assertThat(report(Arrays.copyOf(tcp, tcp.length - 1), HashTypes.ALL)).isEqualTo(1);
        byte[] udp = frame(0x0800, Frames.ipv4(A4, B4, 17, Frames.udp(A4, B4, 1, 2, new byte[0])));
        assertThat(report(Arrays.copyOf(udp, udp.length - 1), HashTypes.ALL)).isEqualTo(1);
    }

    @Test
    void ipv4HeaderMustBeWholeAndSound() {
        byte[] frame = frame(0x0800, Frames.ipv4(A4, B4, 132, 0, 0, new byte[8], new byte[0]));
        assertThat(report(frame, HashTypes.ALL)).isEqualTo(1);
        assertThat(report(Arrays.copyOf(frame, frame.length - 1), HashTypes.ALL))
                .isZero();
        assertThat(report(with(frame, 14, 0x44), HashTypes.ALL)).as("IHL 4").isZero();
        assertThat(report(with(frame, 14, 0x65), HashTypes.ALL)).as("version 6").isZero();
        assertThat(report(with(frame, 16, 0), HashTypes.ALL))
                .as("total length is not consulted")
                .isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x2000, 0x2001, 0x0001, 0x1FFF})
    void ipv4FragmentsHaveNoTransportHeader(int flagsAndOffset) {
        byte[] frame = frame(0x0800, Frames.ipv4(A4, B4, 6, 9, flagsAndOffset, new byte[0], tcp(A4, B4)));
        assertThat(report(frame, HashTypes.ALL)).isEqualTo(1);
        assertThat(report(frame, HashTypes.TCPV4)).isZero();
    }

    @Test
    void dontFragmentIsNoFragment() {
        byte[] frame = frame(0x0800, Frames.ipv4(A4, B4, 6, 9, 0xC000, new byte[0], tcp(A4, B4)));
        assertThat(report(frame, HashTypes.ALL)).isEqualTo(2);
    }

    @Test
    void twoTagsAreSkippedAThirdIsNot() {
        byte[] packet = Frames.ipv4(A4, B4, 6, tcp(A4, B4));
        int customer = Frames.tag(0x8100, 5);
        int service = Frames.tag(0x88A8, 6);
        Hash plain = Expectation.hash(frame(0x0800, packet), HashTypes.ALL, KEY);
        for (int[] tags :
                new int[][] {{customer}, {service}, {customer, customer}, {service, customer}, {customer, service}}) {
            assertThat(Expectation.hash(frame(0x0800, packet, tags), HashTypes.ALL, KEY))
                    .isEqualTo(plain);
        }
        assertThat(report(frame(0x0800, packet, customer, customer, customer), HashTypes.ALL))
                .isZero();
        assertThat(report(Arrays.copyOf(frame(0x0800, packet, customer), 17), HashTypes.ALL))
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 6, 12, 13})
    void lessThanAMacHeaderIsUnclassified(int bytes) {
        assertThat(report(new byte[bytes], HashTypes.ALL)).isZero();
    }

    @Test
    void otherEtherTypesAreUnclassified() {
        assertThat(report(frame(0x0806, new byte[28]), HashTypes.ALL)).isZero();
        assertThat(report(frame(46, new byte[46]), HashTypes.ALL)).isZero();
        assertThat(report(frame(0x0800, new byte[0]), HashTypes.ALL)).isZero();
        assertThat(report(frame(0x86DD, new byte[0]), HashTypes.ALL)).isZero();
    }

    @Test
    void plainIpv6() {
        assertThat(report(v6(17, UDP6), HashTypes.ALL)).isEqualTo(6);
        assertThat(report(v6(6, TCP6), HashTypes.ALL)).isEqualTo(5);
        assertThat(report(v6(132, new byte[30]), HashTypes.ALL)).isEqualTo(4);
        assertThat(report(v6(59, new byte[0]), HashTypes.ALL)).isEqualTo(4);
        assertThat(report(v6(6, TCP6), HashTypes.UDPV6 | HashTypes.IPV6)).isEqualTo(4);
        assertThat(report(v6(6, TCP6), HashTypes.UDPV6)).isZero();
        assertThat(report(Arrays.copyOf(v6(17, UDP6), 14 + 40 + 7), HashTypes.ALL))
                .isEqualTo(4);
        assertThat(report(Arrays.copyOf(v6(17, UDP6), 14 + 39), HashTypes.ALL)).isZero();
        assertThat(report(with(v6(17, UDP6), 14, 0x40), HashTypes.ALL))
                .as("version 4")
                .isZero();
    }

    @Test
    void extensionHeadersWithoutAnAddressAreOnlySkipped() {
        Hash plain = Expectation.hash(v6(17, UDP6), HashTypes.ALL, KEY);
        for (Extension extension : new Extension[] {
            Frames.options(0),
            Frames.options(60),
            Frames.options(60, Frames.padN(100)),
            Frames.routing(4, 0, ROUTED),
            Frames.fragment(0, false, 7),
            Frames.authentication(1, 2)
        }) {
            assertThat(Expectation.hash(v6(17, UDP6, extension), HashTypes.ALL, KEY))
                    .as("header " + extension.number())
                    .isEqualTo(plain);
        }
    }

    @Test
    void upperLayersThatLookLikeExtensionsEndTheWalk() {
        assertThat(report(v6(135, UDP6), HashTypes.ALL)).as("mobility header").isEqualTo(4);
        assertThat(report(v6(50, UDP6), HashTypes.ALL)).as("ESP").isEqualTo(4);
    }

    @Test
    void ipv6FragmentsHaveNoTransportHeader() {
        assertThat(report(v6(17, UDP6, Frames.fragment(0, true, 7)), HashTypes.ALL))
                .isEqualTo(4);
        assertThat(report(v6(17, UDP6, Frames.fragment(8, false, 7)), HashTypes.ALL))
                .isEqualTo(4);
        byte[] atomic = v6(17, UDP6, Frames.fragment(0, false, 7));
        assertThat(report(with(atomic, 14 + 40 + 3, 6), HashTypes.ALL))
                .as("reserved bits say nothing")
                .isEqualTo(6);
    }

    @Test
    void homeAddressReplacesTheSource() {
        byte[] frame = v6(17, UDP6, Frames.options(60, Frames.padN(4), Frames.homeAddress(HOME)));
        assertThat(Expectation.hash(frame, HashTypes.ALL, KEY)).isEqualTo(as(9, HOME, B6, true));
        assertThat(Expectation.hash(frame, HashTypes.IP_EX | HashTypes.TCP_EX, KEY))
                .isEqualTo(as(7, HOME, B6, false));
        assertThat(Expectation.hash(frame, HashTypes.UDPV6, KEY)).isEqualTo(as(6, A6, B6, true));
        assertThat(Expectation.hash(frame, HashTypes.IPV6 | HashTypes.TCP_EX, KEY))
                .isEqualTo(as(4, A6, B6, false));
        assertThat(report(frame, HashTypes.TCP_EX | HashTypes.TCPV6)).isZero();
    }

    @Test
    void typeTwoRoutingAddressReplacesTheDestination() {
        byte[] frame = v6(6, TCP6, Frames.routing(2, 1, ROUTED));
        assertThat(Expectation.hash(frame, HashTypes.ALL, KEY)).isEqualTo(as(8, A6, ROUTED, true));
        byte[] both = v6(6, TCP6, Frames.routing(2, 0, ROUTED), Frames.options(60, Frames.homeAddress(HOME)));
        assertThat(Expectation.hash(both, HashTypes.ALL, KEY)).isEqualTo(as(8, HOME, ROUTED, true));
        assertThat(Expectation.hash(both, HashTypes.IP_EX, KEY)).isEqualTo(as(7, HOME, ROUTED, false));
    }

    @Test
    void firstRoutingHeaderOfTypeTwoWithRoomCounts() {
        byte[] other = address("2001:db8:3::1");
        byte[] frame = v6(17, UDP6, Frames.routing(2, 0, ROUTED), Frames.routing(2, 0, other));
        assertThat(Expectation.hash(frame, HashTypes.ALL, KEY)).isEqualTo(as(9, A6, ROUTED, true));
        Extension tooShort = new Extension(43, new byte[] {0, 1, 2, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});
        byte[] second = v6(17, UDP6, tooShort, Frames.routing(2, 0, other));
        assertThat(Expectation.hash(second, HashTypes.ALL, KEY)).isEqualTo(as(9, A6, other, true));
        assertThat(report(v6(17, UDP6, tooShort), HashTypes.ALL)).isEqualTo(6);
    }

    @Test
    void addressesFoundBeforeAFragmentHeaderCount() {
        byte[] frame = v6(17, UDP6, Frames.options(60, Frames.homeAddress(HOME)), Frames.fragment(0, true, 3));
        assertThat(Expectation.hash(frame, HashTypes.ALL, KEY)).isEqualTo(as(7, HOME, B6, false));
        byte[] after = v6(17, UDP6, Frames.fragment(0, true, 3), Frames.options(60, Frames.homeAddress(HOME)));
        assertThat(Expectation.hash(after, HashTypes.ALL, KEY)).isEqualTo(as(4, A6, B6, false));
    }

    @Test
    void twelveExtensionHeadersAreWalkedAThirteenthIsNot() {
        Extension[] twelve = new Extension[12];
        Arrays.fill(twelve, Frames.options(0));
        assertThat(report(v6(17, UDP6, twelve), HashTypes.ALL)).isEqualTo(6);
        Extension[] thirteen = Arrays.copyOf(twelve, 13);
        thirteen[12] = Frames.options(60, Frames.homeAddress(HOME));
        assertThat(Expectation.hash(v6(17, UDP6, thirteen), HashTypes.ALL, KEY)).isEqualTo(as(4, A6, B6, false));
        thirteen[0] = Frames.options(60, Frames.homeAddress(HOME));
        assertThat(Expectation.hash(v6(17, UDP6, thirteen), HashTypes.ALL, KEY)).isEqualTo(as(7, HOME, B6, false));
    }

    @Test
    void thirtyTwoOptionsAreLookedAtAThirtyThirdIsNot() {
        assertThat(report(v6(17, UDP6, padsThenHome(31)), HashTypes.ALL)).isEqualTo(9);
        assertThat(report(v6(17, UDP6, padsThenHome(32)), HashTypes.ALL))
                .as("the walk goes on to the UDP header")
                .isEqualTo(6);
        // The padding at the end of a header is options too: 16 pads, 16 pads, home address.
        assertThat(report(v6(17, UDP6, pads(14), pads(22)), HashTypes.ALL)).isEqualTo(6);
        assertThat(report(v6(17, UDP6, pads(14), padsThenHome(17)), HashTypes.ALL))
                .isEqualTo(9);
        assertThat(report(v6(17, UDP6, pads(14), padsThenHome(18)), HashTypes.ALL))
                .isEqualTo(6);
    }

    @Test
    void optionsOfHopByHopHeadersAreNotCountedAndNotSearched() {
        Extension full = Frames.options(0, new byte[100]);
        assertThat(report(v6(17, UDP6, full, padsThenHome(31)), HashTypes.ALL)).isEqualTo(9);
        assertThat(report(v6(17, UDP6, Frames.options(0, Frames.homeAddress(HOME))), HashTypes.ALL))
                .isEqualTo(6);
    }

    @Test
    void optionBeyondItsHeaderEndsTheSearchInThatHeaderOnly() {
        Extension overrun = new Extension(60, new byte[] {0, 0, 1, 5, 0, 0, 0, 0});
        Extension typeOnly = new Extension(60, new byte[] {0, 0, 1, 3, 0, 0, 0, (byte) 0xC9});
        Extension home = Frames.options(60, Frames.homeAddress(HOME));
        assertThat(report(v6(17, UDP6, overrun, home), HashTypes.ALL)).isEqualTo(9);
        assertThat(report(v6(17, UDP6, typeOnly, home), HashTypes.ALL)).isEqualTo(9);
        assertThat(report(v6(17, UDP6, overrun), HashTypes.ALL)).isEqualTo(6);
        // The home address option promises 16 bytes and its header has 12.
        byte[] cut = new byte[16];
        cut[1] = 1;
        cut[2] = (byte) 0xC9;
        cut[3] = 16;
        assertThat(report(v6(17, UDP6, new Extension(60, cut)), HashTypes.ALL)).isEqualTo(6);
    }

    @Test
    void homeAddressOfAnotherLengthIsAnOptionLikeAnyOther() {
        byte[] wrong = new byte[10];
        wrong[0] = (byte) 0xC9;
        wrong[1] = 8;
        assertThat(report(v6(17, UDP6, Frames.options(60, wrong)), HashTypes.ALL))
                .isEqualTo(6);
        assertThat(Expectation.hash(
                        v6(17, UDP6, Frames.options(60, wrong, Frames.homeAddress(HOME))), HashTypes.ALL, KEY))
                .isEqualTo(as(9, HOME, B6, true));
    }

    @Test
    void firstHomeAddressCounts() {
        byte[] other = address("2001:db8:9::9");
        Extension two = Frames.options(60, Frames.homeAddress(HOME), Frames.homeAddress(other));
        assertThat(Expectation.hash(v6(17, UDP6, two), HashTypes.ALL, KEY)).isEqualTo(as(9, HOME, B6, true));
    }

    @Test
    void headerCutByTheFrameEndsTheWalkAndGivesNothing() {
        byte[] frame = v6(17, new byte[0], Frames.options(60, Frames.homeAddress(HOME)));
        assertThat(report(frame, HashTypes.ALL))
                .as("whole header, nothing behind it")
                .isEqualTo(7);
        assertThat(report(Arrays.copyOf(frame, frame.length - 1), HashTypes.ALL))
                .isEqualTo(4);
        assertThat(report(Arrays.copyOf(frame, 14 + 40 + 1), HashTypes.ALL)).isEqualTo(4);
        assertThat(report(Arrays.copyOf(frame, 14 + 40), HashTypes.ALL)).isEqualTo(4);
        byte[] fragment = v6(17, new byte[0], Frames.fragment(0, false, 1));
        assertThat(report(Arrays.copyOf(fragment, fragment.length - 1), HashTypes.ALL))
                .isEqualTo(4);
    }

    @Test
    void authenticationHeaderCountsInFourBytes() {
        byte[] ah = new byte[12];
        ah[1] = 1;
        assertThat(report(v6(17, UDP6, new Extension(51, ah)), HashTypes.ALL)).isEqualTo(6);
    }

    @Test
    void shortKeyContinuesWithZeros() {
        byte[] frame = v6(17, UDP6);
        byte[] padded = Arrays.copyOf(Arrays.copyOf(KEY, 20), 40);
        assertThat(Expectation.hash(frame, HashTypes.ALL, Arrays.copyOf(KEY, 20)))
                .isEqualTo(Expectation.hash(frame, HashTypes.ALL, padded));
        assertThat(Expectation.hash(frame, HashTypes.ALL, new byte[0])).isEqualTo(new Hash(0, 6));
    }

    @Test
    void refusesATableThatIsNoPowerOfTwo() {
        assertThatThrownBy(() -> new GuestRss(1, new int[3], 0, KEY)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new GuestRss(1, new int[0], 0, KEY)).isInstanceOf(IllegalArgumentException.class);
    }

    private static int report(byte[] frame, int types) {
        return Expectation.hash(frame, types, KEY).report();
    }

    /** The hash over a written-out input, without the dissector. */
    private static Hash as(int report, byte[] source, byte[] destination, boolean ports) {
        byte[] input = Arrays.copyOf(source, ports ? 36 : 32);
        System.arraycopy(destination, 0, input, 16, 16);
        if (ports) {
            System.arraycopy(HexFormat.of().parseHex("03e807d0"), 0, input, 32, 4);
        }
        return new Hash(BitToeplitz.hash(KEY, input), report);
    }

    /** A header that starts with this many Pad1 options; more follow if it takes them to fill 8 bytes. */
    private static Extension pads(int count) {
        return Frames.options(60, new byte[count]);
    }

    private static Extension padsThenHome(int pads) {
        return Frames.options(60, new byte[pads], Frames.homeAddress(HOME));
    }

    private static byte[] v6(int protocol, byte[] data, Extension... extensions) {
        return frame(0x86DD, Frames.ipv6(A6, B6, protocol, data, extensions));
    }

    private static byte[] frame(int type, byte[] packet, int... tags) {
        return Frames.ethernet(new byte[6], new byte[6], type, packet, tags);
    }

    private static byte[] tcp(byte[] source, byte[] destination) {
        return Frames.tcp(source, destination, 1000, 2000, 1, 1, Frames.TCP_ACK, new byte[0], new byte[0], false);
    }

    private static byte[] with(byte[] frame, int at, int value) {
        byte[] changed = frame.clone();
        changed[at] = (byte) value;
        return changed;
    }

    private static byte[] address(String text) {
        try {
            return InetAddress.getByName(text).getAddress();
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(text, e);
        }
    }
}
