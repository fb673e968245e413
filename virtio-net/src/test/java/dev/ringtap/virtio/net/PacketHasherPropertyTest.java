// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.IPV4;
import static dev.ringtap.virtio.net.Frames.IPV6;
import static dev.ringtap.virtio.net.Frames.TCP;
import static dev.ringtap.virtio.net.Frames.UDP;
import static dev.ringtap.virtio.net.Frames.join;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.Frames.Extension;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Random packets: their fields are known because they were put there. */
class PacketHasherPropertyTest {
    /** A link of an IPv6 header chain and what it brings: an address, or null. */
    record Link(Extension extension, byte[] home, byte[] routed) {}

    @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
    void ipv4HashIsThatOfItsFields(
            @ForAll @Size(40) byte[] key,
            @ForAll @Size(8) byte[] addresses,
            @ForAll @Size(4) byte[] ports,
            @ForAll @IntRange(min = 0, max = 10) int optionWords,
            @ForAll boolean tcp,
            @ForAll @IntRange(min = 0, max = 0x1FF) int types) {
        byte[] packet = Frames.ipv4(
                "0.0.0.0",
                "0.0.0.0",
                0,
                tcp ? TCP : UDP,
                new byte[optionWords * 4],
                join(ports, new byte[tcp ? 16 : 4]));
        System.arraycopy(addresses, 0, packet, 12, 8);
        HashType ported = tcp ? HashType.TCPV4 : HashType.UDPV4;
        if (ported.in(types)) {
            check(key, types, Frames.ether(IPV4, packet), ported, join(addresses, ports));
        } else {
            check(key, types, Frames.ether(IPV4, packet), HashType.IPV4, addresses);
        }
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void ipv6HashIsThatOfItsFields(
            @ForAll @Size(40) byte[] key,
            @ForAll @Size(32) byte[] addresses,
            @ForAll @Size(4) byte[] ports,
            @ForAll("chains") List<Link> chain,
            @ForAll boolean tcp,
            @ForAll @IntRange(min = 0, max = 0x1FF) int types) {
        byte[] packet = Frames.ipv6(
                "::",
                "::",
                tcp ? TCP : UDP,
                join(ports, new byte[tcp ? 16 : 4]),
                chain.stream().map(Link::extension).toArray(Extension[]::new));
        System.arraycopy(addresses, 0, packet, 8, 32);
        byte[] home = chain.stream()
                .map(Link::home)
                .filter(a -> a != null)
                .findFirst()
                .orElse(null);
        byte[] routed = chain.stream()
                .map(Link::routed)
                .filter(a -> a != null)
                .findFirst()
                .orElse(null);
        byte[] frame = Frames.ether(IPV6, packet);
        if (home != null || routed != null) {
            byte[] replaced = join(
                    home != null ? home : Arrays.copyOf(addresses, 16),
                    routed != null ? routed : Arrays.copyOfRange(addresses, 16, 32));
            HashType ported = tcp ? HashType.TCP_EX : HashType.UDP_EX;
            if (ported.in(types)) {
                check(key, types, frame, ported, join(replaced, ports));
                return;
            }
            if (HashType.IP_EX.in(types)) {
                check(key, types, frame, HashType.IP_EX, replaced);
                return;
            }
        }
        HashType ported = tcp ? HashType.TCPV6 : HashType.UDPV6;
        if (ported.in(types)) {
            check(key, types, frame, ported, join(addresses, ports));
        } else {
            check(key, types, frame, HashType.IPV6, addresses);
        }
    }

    private static void check(byte[] key, int types, byte[] frame, HashType type, byte[] input) {
        PacketHasher hasher = new PacketHasher(new Toeplitz(key), types);
        hasher.hash(MemorySegment.ofArray(frame), 0, frame.length);
        assertThat(hasher.report()).isEqualTo(type.in(types) ? type.report() : HashReport.NONE);
        assertThat(hasher.value()).isEqualTo(type.in(types) ? BitwiseToeplitz.hash(key, input) : 0);
    }

    /**
     * A frame mutated and cut anywhere never leads outside itself: its segment ends with it, so that would throw. Nor does
     * the answer depend on what lies around it.
     */
    @Property(tries = 400, edgeCases = EdgeCasesMode.NONE)
    void noFrameLeadsOutsideItself(
            @ForAll("chains") List<Link> chain,
            @ForAll @Size(max = 6) List<@IntRange(min = 0, max = 0xFFFF) Integer> mutations,
            @ForAll @IntRange(min = 0, max = 400) int cut,
            @ForAll boolean ipv4) {
        byte[] packet = ipv4
                ? Frames.ipv4("10.0.0.1", "10.0.0.2", UDP, Frames.udp(1, 2))
                : Frames.ipv6(
                        "fd00::1",
                        "fd00::2",
                        TCP,
                        Frames.tcp(1, 2),
                        chain.stream().map(Link::extension).toArray(Extension[]::new));
        byte[] frame = Frames.ether(ipv4 ? IPV4 : IPV6, packet);
        for (int mutation : mutations) {
            frame[12 + (mutation >>> 8) % (frame.length - 12)] = (byte) mutation;
        }
        byte[] received = Arrays.copyOf(frame, Math.min(cut, frame.length));
        PacketHasher hasher = new PacketHasher(new Toeplitz(ToeplitzTest.KEY), HashType.ALL);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment exact = arena.allocate(Math.max(1, received.length)).asSlice(0, received.length);
            MemorySegment.copy(received, 0, exact, ValueLayout.JAVA_BYTE, 0, received.length);
            hasher.hash(exact, 0, received.length);
        }
        int value = hasher.value();
        int report = hasher.report();
        byte[] surrounded = new byte[received.length + 600];
        Arrays.fill(surrounded, (byte) 6);
        System.arraycopy(received, 0, surrounded, 300, received.length);
        hasher.hash(MemorySegment.ofArray(surrounded), 300, received.length);
        assertThat(hasher.value()).isEqualTo(value);
        assertThat(hasher.report()).isEqualTo(report);
    }

    /** Up to 12 links that leave the transport header to be found, with no more than 32 options. */
    @Provide
    Arbitrary<List<Link>> chains() {
        Arbitrary<byte[]> address = Arbitraries.bytes().array(byte[].class).ofSize(16);
        Arbitrary<Link> plain = Arbitraries.of(
                        Frames.hopByHop(),
                        Frames.fragment(0),
                        Frames.fragment(6),
                        Frames.authentication(1),
                        Frames.authentication(4),
                        Frames.shortRouting(2))
                .map(extension -> new Link(extension, null, null));
        Arbitrary<Link> routing = Combinators.combine(Arbitraries.integers().between(0, 4), address)
                .as((type, routed) -> new Link(
                        new Extension(
                                Frames.ROUTING, join(new byte[] {0, 2, (byte) (int) type, 1}, new byte[4], routed)),
                        null,
                        type == 2 ? routed : null));
        Arbitrary<Link> options = Combinators.combine(
                        Arbitraries.of(0x00, 0x01, 0x04, 0xC9, 0xC8),
                        Arbitraries.integers().between(0, 20),
                        Arbitraries.of(true, false),
                        address)
                .as((type, length, withHome, home) -> {
                    byte[] first = type == 0
                            ? new byte[1]
                            : Frames.option(type, new byte[type == 0xC9 && length == 16 ? 15 : length]);
                    List<byte[]> all = new ArrayList<>(List.of(first));
                    if (withHome) {
                        all.add(Frames.option(0xC9, home));
                    }
                    int used = all.stream().mapToInt(o -> o.length).sum();
                    int pad = 7 - (2 + used + 7) % 8;
                    // One PadN instead of many Pad1, so that 32 options are never reached.
                    if (pad > 1) {
                        all.add(Frames.option(1, new byte[pad - 2]));
                    }
                    return new Link(
                            Frames.destinationOptions(all.toArray(byte[][]::new)), withHome ? home : null, null);
                });
        // Eight options headers of at most three options each stay under the limit of 32.
        return Arbitraries.frequencyOf(
                        net.jqwik.api.Tuple.of(3, plain),
                        net.jqwik.api.Tuple.of(1, routing),
                        net.jqwik.api.Tuple.of(1, options))
                .list()
                .ofMaxSize(12)
                .filter(chain -> chain.stream()
                                .filter(link -> link.extension().type() == Frames.DESTINATION_OPTIONS)
                                .count()
                        <= 8);
    }
}
