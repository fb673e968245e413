// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static dev.ringtap.linux.bpf.Frames.AUTHENTICATION;
import static dev.ringtap.linux.bpf.Frames.DESTINATION;
import static dev.ringtap.linux.bpf.Frames.DESTINATION4;
import static dev.ringtap.linux.bpf.Frames.DESTINATION6;
import static dev.ringtap.linux.bpf.Frames.FRAGMENT;
import static dev.ringtap.linux.bpf.Frames.HOP_BY_HOP;
import static dev.ringtap.linux.bpf.Frames.NO_NEXT_HEADER;
import static dev.ringtap.linux.bpf.Frames.PORTS;
import static dev.ringtap.linux.bpf.Frames.ROUTING;
import static dev.ringtap.linux.bpf.Frames.SOURCE4;
import static dev.ringtap.linux.bpf.Frames.SOURCE6;
import static dev.ringtap.linux.bpf.Frames.TCP;
import static dev.ringtap.linux.bpf.Frames.UDP;
import static dev.ringtap.linux.bpf.Frames.address;
import static dev.ringtap.linux.bpf.Frames.authentication;
import static dev.ringtap.linux.bpf.Frames.bytes;
import static dev.ringtap.linux.bpf.Frames.ethernet;
import static dev.ringtap.linux.bpf.Frames.fragment;
import static dev.ringtap.linux.bpf.Frames.homeAddress;
import static dev.ringtap.linux.bpf.Frames.ipv4;
import static dev.ringtap.linux.bpf.Frames.ipv6;
import static dev.ringtap.linux.bpf.Frames.join;
import static dev.ringtap.linux.bpf.Frames.option;
import static dev.ringtap.linux.bpf.Frames.options;
import static dev.ringtap.linux.bpf.Frames.padN;
import static dev.ringtap.linux.bpf.Frames.routing;
import static dev.ringtap.linux.bpf.Frames.tcp;
import static dev.ringtap.linux.bpf.Frames.udp;
import static dev.ringtap.linux.bpf.ReferenceHash.ALL;
import static dev.ringtap.linux.bpf.ReferenceHash.IPV4;
import static dev.ringtap.linux.bpf.ReferenceHash.IPV6;
import static dev.ringtap.linux.bpf.ReferenceHash.IP_EX;
import static dev.ringtap.linux.bpf.ReferenceHash.TCPV4;
import static dev.ringtap.linux.bpf.ReferenceHash.TCPV6;
import static dev.ringtap.linux.bpf.ReferenceHash.TCP_EX;
import static dev.ringtap.linux.bpf.ReferenceHash.UDPV4;
import static dev.ringtap.linux.bpf.ReferenceHash.UDPV6;
import static dev.ringtap.linux.bpf.ReferenceHash.UDP_EX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Every rule and edge of docs/hash-rules.md, on the loaded program: each frame must be hashed over exactly the bytes
 * that the test writes down. The reference that the random frames are judged by is held to the same answers.
 */
@RequiresBpf
class HashRulesTest {
    private static final byte[] HOME = address(0x99);
    private static final byte[] CARE_OF = address(0xD3);
    private static final byte[] NONE = {};
    private static final byte[] KEY = new byte[40];

    private static HashProbe probe;

    @BeforeAll
    static void load() throws Exception {
        new Random(7).nextBytes(KEY);
        probe = new HashProbe();
    }

    @AfterAll
    static void close() {
        if (probe != null) probe.close();
    }

    private static void hashes(byte[] frame, int types, int type, byte[]... input) throws Exception {
        probe.configure(types, KEY);
        byte[] expected = join(input);
        var reference = ReferenceHash.of(frame, false, types);
        assertThat(reference).as("reference").isNotNull();
        assertThat(reference.type()).as("reference's type").isEqualTo(type);
        assertThat(reference.input()).as("reference's input").isEqualTo(expected);
        assertThat(probe.hash(frame))
                .as("hash by the program")
                .isEqualTo(Integer.toUnsignedLong(BitwiseToeplitz.hash(KEY, expected)));
    }

    private static void unclassified(byte[] frame, int types) throws Exception {
        probe.configure(types, KEY);
        assertThat(ReferenceHash.of(frame, false, types)).as("reference").isNull();
        assertThat(probe.hash(frame)).as("hash by the program").isEqualTo(HashProbe.UNCLASSIFIED);
    }

    private static byte[] frame4(int protocol, int fragment, byte[] options, byte[] payload) {
        return join(ethernet(Frames.IPV4), ipv4(protocol, fragment, options, payload));
    }

    private static byte[] frame6(int next, byte[]... payload) {
        return join(ethernet(Frames.IPV6), ipv6(next, payload));
    }

    private static byte[] without(byte[] frame, int lastBytes) {
        return Arrays.copyOf(frame, frame.length - lastBytes);
    }

    // Finding the network header

    @Test
    void frameShorterThanAnEthernetHeaderIsUnclassified() throws Exception {
        byte[] whole = frame4(TCP, 0, NONE, tcp());
        for (int length = 1; length < 14; length++) unclassified(Arrays.copyOf(whole, length), ALL);
        unclassified(Arrays.copyOf(whole, 14), ALL);
    }

    @Test
    void upToTwoTagsInAnyCombinationAreSkipped() throws Exception {
        int q = 0x8100_0123;
        int ad = 0x88A8_0456;
        for (int[] tags : new int[][] {{q}, {ad}, {q, q}, {q, ad}, {ad, q}, {ad, ad}}) {
            hashes(
                    join(ethernet(Frames.IPV4, tags), ipv4(TCP, 0, NONE, tcp())),
                    ALL,
                    TCPV4,
                    SOURCE4,
                    DESTINATION4,
                    PORTS);
            hashes(join(ethernet(Frames.IPV6, tags), ipv6(UDP, udp())), ALL, UDPV6, SOURCE6, DESTINATION6, PORTS);
            hashes(
                    join(ethernet(Frames.IPV6, tags), ipv6(DESTINATION, options(TCP, homeAddress(HOME)), tcp())),
                    ALL,
                    TCP_EX,
                    HOME,
                    DESTINATION6,
                    PORTS);
        }
    }

    @Test
    void thirdTagIsUnclassified() throws Exception {
        for (int third : new int[] {0x8100_0003, 0x88A8_0003})
            unclassified(join(ethernet(Frames.IPV4, 0x88A8_0001, 0x8100_0002, third), ipv4(TCP, 0, NONE, tcp())), ALL);
    }

    @Test
    void tagsOfOtherTypesAreNoTags() throws Exception {
        for (int other : new int[] {0x9100_0001, 0x9200_0001, 0x8101_0001})
            unclassified(join(ethernet(Frames.IPV4, other), ipv4(TCP, 0, NONE, tcp())), ALL);
    }

    @Test
    void frameThatEndsInsideATagIsUnclassified() throws Exception {
        for (int type : new int[] {Frames.IPV4, Frames.IPV6}) {
            byte[] twice = ethernet(type, 0x88A8_0001, 0x8100_0002);
            for (int length = 14; length <= twice.length; length++) unclassified(Arrays.copyOf(twice, length), ALL);
            byte[] once = ethernet(type, 0x88A8_0001);
            for (int length = 14; length <= once.length; length++) unclassified(Arrays.copyOf(once, length), ALL);
        }
    }

    @Test
    void otherProtocolsAreUnclassified() throws Exception {
        byte[] payload = ipv4(TCP, 0, NONE, tcp());
        for (int type : new int[] {0x0806, 0x88CC, 0x0026, 0x8847, 0x8864, 0x0008, 0xDD86, 0})
            unclassified(join(ethernet(type), payload), ALL);
    }

    @Test
    void theProtocolAndTheVersionMustAgree() throws Exception {
        unclassified(join(ethernet(Frames.IPV4), ipv6(TCP, tcp())), ALL);
        unclassified(join(ethernet(Frames.IPV6), ipv4(TCP, 0, NONE, join(tcp(), new byte[40]))), ALL);
    }

    // IPv4

    @Test
    void ipv4TypesByPriority() throws Exception {
        byte[] tcp = frame4(TCP, 0, NONE, tcp());
        byte[] udp = frame4(UDP, 0, NONE, udp());
        byte[] icmp = frame4(1, 0, NONE, tcp());
        hashes(tcp, ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
        hashes(udp, ALL, UDPV4, SOURCE4, DESTINATION4, PORTS);
        hashes(icmp, ALL, IPV4, SOURCE4, DESTINATION4);
        hashes(tcp, TCPV4, TCPV4, SOURCE4, DESTINATION4, PORTS);
        unclassified(udp, TCPV4);
        unclassified(icmp, TCPV4);
        hashes(udp, UDPV4, UDPV4, SOURCE4, DESTINATION4, PORTS);
        unclassified(tcp, UDPV4);
        hashes(tcp, IPV4, IPV4, SOURCE4, DESTINATION4);
        hashes(udp, IPV4, IPV4, SOURCE4, DESTINATION4);
        hashes(tcp, IPV4 | UDPV4, IPV4, SOURCE4, DESTINATION4);
        unclassified(tcp, ALL & ~(IPV4 | TCPV4 | UDPV4));
        unclassified(tcp, 0);
    }

    @Test
    void ipv4HeaderLengths() throws Exception {
        for (int words = 1; words <= 10; words++) {
            byte[] options = new byte[4 * words];
            Arrays.fill(options, (byte) 1);
            hashes(frame4(TCP, 0, options, tcp()), ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
            hashes(frame4(UDP, 0, options, udp()), ALL, UDPV4, SOURCE4, DESTINATION4, PORTS);
            hashes(frame4(UDP, 0, options, NONE), ALL, IPV4, SOURCE4, DESTINATION4);
            unclassified(without(frame4(UDP, 0, options, NONE), 1), ALL);
        }
        for (int words = 0; words < 5; words++) {
            byte[] frame = frame4(TCP, 0, NONE, tcp());
            frame[14] = (byte) (0x40 | words);
            unclassified(frame, ALL);
        }
    }

    @Test
    void ipv4VersionMustBe4() throws Exception {
        for (int version = 0; version < 16; version++) {
            byte[] frame = frame4(TCP, 0, NONE, tcp());
            frame[14] = (byte) (version << 4 | 5);
            if (version == 4) hashes(frame, ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
            else unclassified(frame, ALL);
        }
    }

    @Test
    void ipv4CutOffAnywhere() throws Exception {
        byte[] tcp = frame4(TCP, 0, NONE, tcp());
        for (int length = 1; length <= tcp.length; length++) {
            byte[] cut = Arrays.copyOf(tcp, length);
            if (length < 34) unclassified(cut, ALL);
            else if (length < 54) hashes(cut, ALL, IPV4, SOURCE4, DESTINATION4);
            else hashes(cut, ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
        }
        byte[] udp = frame4(UDP, 0, NONE, udp());
        hashes(without(udp, 1), ALL, IPV4, SOURCE4, DESTINATION4);
        unclassified(without(udp, 1), UDPV4);
    }

    @Test
    void ipv4FragmentsHaveNoTransportHeader() throws Exception {
        for (int field : new int[] {0x2000, 0x2001, 0x0001, 0x1FFF, 0x0100, 0x00B9, 0x3FFF}) {
            hashes(frame4(TCP, field, NONE, tcp()), ALL, IPV4, SOURCE4, DESTINATION4);
            hashes(frame4(UDP, field, NONE, udp()), ALL, IPV4, SOURCE4, DESTINATION4);
            unclassified(frame4(UDP, field, NONE, udp()), UDPV4);
        }
        // "Don't fragment" and the reserved flag do not make a fragment.
        for (int field : new int[] {0x4000, 0x8000, 0xC000})
            hashes(frame4(TCP, field, NONE, tcp()), ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
    }

    @Test
    void totalLengthIsNotConsulted() throws Exception {
        byte[] frame = frame4(TCP, 0, NONE, tcp());
        for (int length : new int[] {0, 20, 0xFFFF}) {
            frame[16] = (byte) (length >> 8);
            frame[17] = (byte) length;
            hashes(frame, ALL, TCPV4, SOURCE4, DESTINATION4, PORTS);
        }
        byte[] six = frame6(UDP, udp());
        six[18] = six[19] = 0;
        hashes(six, ALL, UDPV6, SOURCE6, DESTINATION6, PORTS);
        // Padding counts as payload, for the same reason.
        hashes(join(frame4(UDP, 0, NONE, NONE), new byte[18]), ALL, UDPV4, SOURCE4, DESTINATION4, new byte[4]);
    }

    // IPv6

    @Test
    void ipv6TypesByPriority() throws Exception {
        byte[] tcp = frame6(TCP, tcp());
        byte[] udp = frame6(UDP, udp());
        byte[] icmp = frame6(58, tcp());
        hashes(tcp, ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        hashes(udp, ALL, UDPV6, SOURCE6, DESTINATION6, PORTS);
        hashes(icmp, ALL, IPV6, SOURCE6, DESTINATION6);
        hashes(tcp, TCPV6, TCPV6, SOURCE6, DESTINATION6, PORTS);
        unclassified(udp, TCPV6);
        hashes(udp, UDPV6, UDPV6, SOURCE6, DESTINATION6, PORTS);
        unclassified(tcp, UDPV6);
        hashes(tcp, IPV6, IPV6, SOURCE6, DESTINATION6);
        unclassified(tcp, IPV4 | TCPV4 | UDPV4);
        unclassified(tcp, 0);
    }

    @Test
    void exTypesNeedAnAddressToReplace() throws Exception {
        // All three *_EX types on, plain ones off: an ordinary packet has no hash, with or without extension headers.
        int ex = IP_EX | TCP_EX | UDP_EX;
        unclassified(frame6(TCP, tcp()), ex);
        unclassified(frame6(UDP, udp()), ex);
        unclassified(frame6(HOP_BY_HOP, options(TCP, padN(6)), tcp()), ex);
        unclassified(frame6(DESTINATION, options(TCP, padN(6)), tcp()), ex);
        unclassified(frame6(ROUTING, routing(TCP, 0, 2, CARE_OF), tcp()), ex);
        unclassified(frame6(ROUTING, routing(TCP, 4, 2, CARE_OF), tcp()), ex);
    }

    @Test
    void ipv6CutOffAnywhere() throws Exception {
        byte[] tcp = frame6(TCP, tcp());
        for (int length = 1; length <= tcp.length; length++) {
            byte[] cut = Arrays.copyOf(tcp, length);
            if (length < 54) unclassified(cut, ALL);
            else if (length < 74) hashes(cut, ALL, IPV6, SOURCE6, DESTINATION6);
            else hashes(cut, ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        }
        hashes(without(frame6(UDP, udp()), 1), ALL, IPV6, SOURCE6, DESTINATION6);
    }

    @Test
    void everyExtensionHeaderIsWalked() throws Exception {
        hashes(
                frame6(
                        HOP_BY_HOP,
                        options(ROUTING, padN(6)),
                        routing(DESTINATION, 0, 2, CARE_OF),
                        options(FRAGMENT, padN(14)),
                        fragment(AUTHENTICATION, 0),
                        authentication(UDP, 4),
                        udp()),
                ALL,
                UDPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
    }

    @Test
    void authenticationHeaderCountsInUnitsOf4Bytes() throws Exception {
        for (int length : new int[] {0, 1, 2, 3, 4, 5, 7, 255})
            hashes(
                    frame6(AUTHENTICATION, authentication(TCP, length), tcp()),
                    ALL,
                    TCPV6,
                    SOURCE6,
                    DESTINATION6,
                    PORTS);
    }

    @Test
    void anyOtherHeaderEndsTheWalk() throws Exception {
        for (int next : new int[] {50, 58, NO_NEXT_HEADER, 132, 135, 139, 140, 253, 255, 4, 41})
            hashes(frame6(next, options(TCP, padN(6)), tcp()), ALL, IPV6, SOURCE6, DESTINATION6);
        hashes(
                frame6(HOP_BY_HOP, options(135, padN(6)), options(TCP, padN(6)), tcp()),
                ALL,
                IPV6,
                SOURCE6,
                DESTINATION6);
    }

    @Test
    void atomicFragmentIsSkippedAndAnyOtherEndsTheWalk() throws Exception {
        hashes(frame6(FRAGMENT, fragment(TCP, 0), tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        // The reserved bits say nothing.
        hashes(frame6(FRAGMENT, fragment(UDP, 6), udp()), ALL, UDPV6, SOURCE6, DESTINATION6, PORTS);
        for (int field : new int[] {1, 7, 8, 9, 0x100, 0x101, 0xFFF8, 0xFFFF, 0x8000})
            hashes(frame6(FRAGMENT, fragment(TCP, field), tcp()), ALL, IPV6, SOURCE6, DESTINATION6);
        unclassified(frame6(FRAGMENT, fragment(TCP, 1), tcp()), ALL & ~IPV6);
    }

    @Test
    void whatWasFoundBeforeAFragmentCounts() throws Exception {
        hashes(
                frame6(DESTINATION, options(FRAGMENT, homeAddress(HOME)), fragment(TCP, 1), tcp()),
                ALL,
                IP_EX,
                HOME,
                DESTINATION6);
        // And what comes after it does not.
        hashes(
                frame6(FRAGMENT, fragment(DESTINATION, 1), options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                IPV6,
                SOURCE6,
                DESTINATION6);
        hashes(
                frame6(FRAGMENT, fragment(DESTINATION, 0), options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }

    @Test
    void twelveExtensionHeadersAreWalkedAndTheThirteenthIsNot() throws Exception {
        for (int headers = 1; headers <= 14; headers++) {
            byte[] chain = NONE;
            for (int i = 1; i <= headers; i++) chain = join(chain, options(i == headers ? TCP : HOP_BY_HOP, padN(6)));
            byte[] frame = frame6(HOP_BY_HOP, chain, tcp());
            if (headers <= 12) hashes(frame, ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
            else hashes(frame, ALL, IPV6, SOURCE6, DESTINATION6);
        }
    }

    @Test
    void homeAddressInTheTwelfthHeaderCountsAndInTheThirteenthDoesNot() throws Exception {
        byte[] eleven = NONE;
        for (int i = 0; i < 11; i++) eleven = join(eleven, options(i == 10 ? DESTINATION : HOP_BY_HOP, padN(6)));
        hashes(
                frame6(HOP_BY_HOP, eleven, options(UDP, homeAddress(HOME)), udp()),
                ALL,
                UDP_EX,
                HOME,
                DESTINATION6,
                PORTS);
        hashes(
                frame6(HOP_BY_HOP, options(HOP_BY_HOP, padN(6)), eleven, options(UDP, homeAddress(HOME)), udp()),
                ALL,
                IPV6,
                SOURCE6,
                DESTINATION6);
    }

    @Test
    void thirtyTwoOptionsAreLookedAtAndTheThirtyThirdIsNot() throws Exception {
        for (int before : new int[] {0, 1, 30, 31, 32, 33, 60}) {
            byte[] frame = frame6(DESTINATION, options(TCP, new byte[before], homeAddress(HOME)), tcp());
            if (before < 32) hashes(frame, ALL, TCP_EX, HOME, DESTINATION6, PORTS);
            else hashes(frame, ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        }
    }

    @Test
    void optionsAreCountedOverAllDestinationOptionsHeaders() throws Exception {
        // 3 × PadN(2) + 2 × Pad1 … of three headers: 14 + 14 + 3, then the home address is the 32nd, or the 33rd.
        byte[] fourteen = options(DESTINATION, new byte[14]);
        byte[] three = options(DESTINATION, padN(2), padN(2), padN(2));
        byte[] four = options(DESTINATION, padN(2), padN(2), bytes(0, 0));
        hashes(
                frame6(DESTINATION, fourteen, fourteen, three, options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
        hashes(
                frame6(DESTINATION, fourteen, fourteen, four, options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
        // Those of a hop-by-hop header do not count.
        hashes(
                frame6(HOP_BY_HOP, options(DESTINATION, new byte[46]), options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }

    @Test
    void mostHeadersAndMostOptionsTogether() throws Exception {
        byte[] chain = NONE;
        for (int i = 0; i < 11; i++)
            chain = join(
                    chain,
                    options(DESTINATION, i < 10 ? padN(2) : padN(6), i < 10 ? padN(2) : NONE, i < 10 ? padN(2) : NONE));
        // 31 options in 11 headers; the home address is the 32nd, in the 12th.
        hashes(
                frame6(DESTINATION, chain, options(UDP, homeAddress(HOME)), udp()),
                ALL,
                UDP_EX,
                HOME,
                DESTINATION6,
                PORTS);
        hashes(
                frame6(DESTINATION, chain, options(UDP, bytes(0), homeAddress(HOME)), udp()),
                ALL,
                UDPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
    }

    @Test
    void homeAddressIsNotLookedForInHopByHopOptions() throws Exception {
        hashes(frame6(HOP_BY_HOP, options(TCP, homeAddress(HOME)), tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
    }

    @Test
    void homeAddressMustHaveLength16() throws Exception {
        for (int length : new int[] {0, 15, 17, 20}) {
            byte[] wrong = option(0xC9, length, new byte[length]);
            hashes(frame6(DESTINATION, options(TCP, wrong), tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
            // The search goes on behind it.
            hashes(
                    frame6(DESTINATION, options(TCP, wrong, homeAddress(HOME)), tcp()),
                    ALL,
                    TCP_EX,
                    HOME,
                    DESTINATION6,
                    PORTS);
        }
    }

    @Test
    void firstHomeAddressCounts() throws Exception {
        byte[] other = homeAddress(address(0x40));
        hashes(
                frame6(DESTINATION, options(TCP, padN(3), homeAddress(HOME), other), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
        hashes(
                frame6(DESTINATION, options(DESTINATION, homeAddress(HOME)), options(TCP, other), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }

    @Test
    void homeAddressAtEveryPlaceInItsHeader() throws Exception {
        for (int before = 0; before < 16; before++)
            hashes(
                    frame6(DESTINATION, options(TCP, new byte[before], homeAddress(HOME)), tcp()),
                    ALL,
                    TCP_EX,
                    HOME,
                    DESTINATION6,
                    PORTS);
        // 6 + 18 bytes end with the header, to the byte.
        hashes(
                frame6(DESTINATION, join(bytes(UDP, 2, 1, 2, 0, 0), homeAddress(HOME)), udp()),
                ALL,
                UDP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }

    @Test
    void optionThatRunsOverItsHeaderEndsTheSearchThere() throws Exception {
        // The address would be there, but one byte of it belongs to the next header.
        byte[] over = join(bytes(TCP, 2, 1, 3, 0, 0, 0), bytes(0xC9, 16), Arrays.copyOf(HOME, 15));
        assertThat(over).hasSize(24);
        hashes(frame6(DESTINATION, over, tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        // A later header is searched again.
        over[0] = DESTINATION;
        hashes(
                frame6(DESTINATION, over, options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
        // A type without room for a length, at the very end of the frame too.
        byte[] typeOnly = bytes(TCP, 0, 1, 3, 0, 0, 0, 0xC9);
        hashes(frame6(DESTINATION, typeOnly, tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        hashes(frame6(DESTINATION, typeOnly), ALL, IPV6, SOURCE6, DESTINATION6);
        // Pad1 as the last byte of all.
        hashes(frame6(DESTINATION, bytes(TCP, 0, 1, 3, 0, 0, 0, 0)), ALL, IPV6, SOURCE6, DESTINATION6);
        // A home address that runs over is not one, whatever follows.
        hashes(
                frame6(DESTINATION, bytes(TCP, 0, 0xC9, 16, 0, 0, 0, 0), tcp()),
                ALL,
                TCPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
    }

    @Test
    void overrunningOptionCountsAsLookedAt() throws Exception {
        byte[] thirtyOneAndOverrun = join(bytes(DESTINATION, 4), new byte[31], bytes(5, 200), new byte[5]);
        assertThat(thirtyOneAndOverrun).hasSize(40);
        hashes(
                frame6(DESTINATION, thirtyOneAndOverrun, options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
        byte[] thirtyAndOverrun = join(bytes(DESTINATION, 4), new byte[30], bytes(5, 200), new byte[6]);
        hashes(
                frame6(DESTINATION, thirtyAndOverrun, options(TCP, homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }

    @Test
    void routingHeaderOfType2() throws Exception {
        hashes(frame6(ROUTING, routing(TCP, 2, 2, CARE_OF), tcp()), ALL, TCP_EX, SOURCE6, CARE_OF, PORTS);
        hashes(frame6(ROUTING, routing(UDP, 2, 4, CARE_OF), udp()), ALL, UDP_EX, SOURCE6, CARE_OF, PORTS);
        // Too short for an address.
        hashes(
                frame6(ROUTING, routing(TCP, 2, 1, Arrays.copyOf(CARE_OF, 8)), tcp()),
                ALL,
                TCPV6,
                SOURCE6,
                DESTINATION6,
                PORTS);
        hashes(frame6(ROUTING, routing(TCP, 2, 0, NONE), tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
    }

    @Test
    void firstUsableRoutingHeaderCounts() throws Exception {
        byte[] other = address(0x40);
        hashes(
                frame6(ROUTING, routing(ROUTING, 2, 2, CARE_OF), routing(TCP, 2, 2, other), tcp()),
                ALL,
                TCP_EX,
                SOURCE6,
                CARE_OF,
                PORTS);
        hashes(
                frame6(
                        ROUTING,
                        routing(ROUTING, 2, 1, Arrays.copyOf(other, 8)),
                        routing(ROUTING, 0, 2, other),
                        routing(TCP, 2, 2, CARE_OF),
                        tcp()),
                ALL,
                TCP_EX,
                SOURCE6,
                CARE_OF,
                PORTS);
    }

    @Test
    void bothAddresses() throws Exception {
        byte[] tcp = frame6(DESTINATION, options(ROUTING, homeAddress(HOME)), routing(TCP, 2, 2, CARE_OF), tcp());
        byte[] udp = frame6(ROUTING, routing(DESTINATION, 2, 2, CARE_OF), options(UDP, homeAddress(HOME)), udp());
        byte[] none =
                frame6(ROUTING, routing(DESTINATION, 2, 2, CARE_OF), options(NO_NEXT_HEADER, homeAddress(HOME)), udp());
        hashes(tcp, ALL, TCP_EX, HOME, CARE_OF, PORTS);
        hashes(udp, ALL, UDP_EX, HOME, CARE_OF, PORTS);
        hashes(none, ALL, IP_EX, HOME, CARE_OF);
    }

    @Test
    void exTypesByPriorityAndThenThePlainOnes() throws Exception {
        byte[] tcp = frame6(DESTINATION, options(TCP, homeAddress(HOME)), tcp());
        byte[] udp = frame6(DESTINATION, options(UDP, homeAddress(HOME)), udp());
        hashes(tcp, TCP_EX, TCP_EX, HOME, DESTINATION6, PORTS);
        hashes(udp, UDP_EX, UDP_EX, HOME, DESTINATION6, PORTS);
        hashes(tcp, IP_EX, IP_EX, HOME, DESTINATION6);
        hashes(tcp, IP_EX | UDP_EX | TCPV6, IP_EX, HOME, DESTINATION6);
        hashes(udp, IP_EX | TCP_EX | UDPV6, IP_EX, HOME, DESTINATION6);
        hashes(tcp, TCPV6 | UDP_EX, TCPV6, SOURCE6, DESTINATION6, PORTS);
        hashes(udp, UDPV6 | TCP_EX, UDPV6, SOURCE6, DESTINATION6, PORTS);
        hashes(tcp, IPV6 | UDP_EX, IPV6, SOURCE6, DESTINATION6);
        unclassified(tcp, UDP_EX);
        unclassified(udp, TCP_EX | TCPV6);
    }

    @Test
    void headerThatIsNotWhollyThereGivesNothing() throws Exception {
        // The option is complete; the header that holds it lacks its last byte.
        byte[] header = options(TCP, homeAddress(HOME), padN(4));
        byte[] frame = frame6(DESTINATION, header);
        hashes(frame, ALL, IP_EX, HOME, DESTINATION6);
        for (int cut = 1; cut <= header.length; cut++) hashes(without(frame, cut), ALL, IPV6, SOURCE6, DESTINATION6);
        byte[] routed = frame6(ROUTING, routing(TCP, 2, 4, CARE_OF));
        hashes(routed, ALL, IP_EX, SOURCE6, CARE_OF);
        for (int cut = 1; cut <= 40; cut++) hashes(without(routed, cut), ALL, IPV6, SOURCE6, DESTINATION6);
        byte[] authenticated = frame6(AUTHENTICATION, authentication(UDP, 3));
        for (int cut = 0; cut <= 20; cut++) hashes(without(authenticated, cut), ALL, IPV6, SOURCE6, DESTINATION6);
        byte[] fragment = frame6(FRAGMENT, fragment(UDP, 0));
        for (int cut = 0; cut <= 8; cut++) hashes(without(fragment, cut), ALL, IPV6, SOURCE6, DESTINATION6);
    }

    @Test
    void chainCutOffAnywhere() throws Exception {
        byte[] frame = frame6(
                DESTINATION,
                options(ROUTING, homeAddress(HOME)),
                routing(HOP_BY_HOP, 2, 2, CARE_OF),
                options(TCP, padN(6)),
                tcp());
        for (int length = 54; length <= frame.length; length++) {
            byte[] cut = Arrays.copyOf(frame, length);
            if (length < 54 + 24) hashes(cut, ALL, IPV6, SOURCE6, DESTINATION6);
            else if (length < 54 + 48) hashes(cut, ALL, IP_EX, HOME, DESTINATION6);
            else if (length < 54 + 56 + 20) hashes(cut, ALL, IP_EX, HOME, CARE_OF);
            else hashes(cut, ALL, TCP_EX, HOME, CARE_OF, PORTS);
        }
    }

    @Test
    void longestHeaders() throws Exception {
        byte[] big = Arrays.copyOf(bytes(TCP, 255, 1, 253), 2048);
        hashes(frame6(HOP_BY_HOP, big, tcp()), ALL, TCPV6, SOURCE6, DESTINATION6, PORTS);
        // Length bytes are unsigned: 255 + 2 bytes of option, then the home address.
        hashes(
                frame6(DESTINATION, options(TCP, padN(257), homeAddress(HOME)), tcp()),
                ALL,
                TCP_EX,
                HOME,
                DESTINATION6,
                PORTS);
    }
}
