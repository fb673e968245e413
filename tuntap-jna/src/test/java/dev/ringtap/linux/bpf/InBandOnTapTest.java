// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static dev.ringtap.linux.posix.NativeException.check;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.Disciplines;
import dev.ringtap.linux.net.EgressFilter;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.linux.tun.TunOffload;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The two programs on a multi-queue TAP in a network namespace of its own: what its reader gets. */
@RequiresTap
@RequiresBpf
class InBandOnTapTest {
    private static final int QUEUES = 8;
    private static final int UNCLASSIFIED_QUEUE = 7;
    private static final int[] TABLE = IntStream.range(0, 128).map(i -> i % 7).toArray();
    private static final byte[] KEY = new byte[40];

    private final Arena arena = Arena.ofShared();
    private final MemorySegment buffer = arena.allocate(128 * 1024, 8);
    private final List<AutoCloseable> opened = new ArrayList<>();
    private NetworkNamespace namespace;
    private TapDevice tap;
    private PacketSocket host;
    private InBandProgram program;

    /** A packet that came out of a queue, without the vnet header. */
    private record Received(int queue, MemorySegment packet) {
        boolean prefixed(long nonce) {
            return InBandPrefix.nonce(packet, 0) == nonce;
        }

        byte[] frame() {
            return packet.asSlice(InBandPrefix.BYTES).toArray(JAVA_BYTE);
        }

        byte[] bytes() {
            return packet.toArray(JAVA_BYTE);
        }
    }

    @BeforeEach
    void open() throws Exception {
        new Random(11).nextBytes(KEY);
        namespace = keep(NetworkNamespace.create());
        namespace.run(() -> {
            tap = keep(TapDevice.open(TapDevice.Options.of("inband%d", QUEUES)));
            tap.link().disableIpv6();
            tap.link().setUp(true);
            host = keep(PacketSocket.open(tap.link().index()));
        });
        program = keep(InBandProgram.load());
    }

    @AfterEach
    void close() throws Exception {
        for (var resource : opened.reversed()) resource.close();
        arena.close();
    }

    private <T extends AutoCloseable> T keep(T resource) {
        opened.add(resource);
        return resource;
    }

    private void attach(EgressHook.Kind kind) throws Exception {
        namespace.run(() -> program.attachTo(tap.link(), kind));
        tap.setSteering(program.steeringFd());
    }

    private void configureRss(boolean prefix) throws NativeException {
        configureRss(prefix, true);
    }

    private void configureRss(boolean prefix, boolean beforeSegmentation) throws NativeException {
        var rss = SteeringConfig.rss(ReferenceHash.ALL, UNCLASSIFIED_QUEUE, TABLE, BitwiseToeplitz.table(KEY, 0));
        program.configure(new InBandConfig(rss, prefix, beforeSegmentation));
    }

    @ParameterizedTest
    @EnumSource(EgressHook.Kind.class)
    void eachPacketCarriesItsHashAndComesOutOfItsQueue(EgressHook.Kind kind) throws Exception {
        attach(kind);
        configureRss(true);
        for (byte[] frame : flows(200)) {
            var received = sendAndReceive(frame);
            assertThat(received.prefixed(program.nonce())).isTrue();
            assertThat(received.frame()).isEqualTo(frame);
            var expected = ReferenceHash.of(frame, false, ReferenceHash.ALL);
            int hash = expected == null ? 0 : BitwiseToeplitz.hash(KEY, expected.input());
            assertThat(InBandPrefix.hash(received.packet, 0)).isEqualTo(hash);
            assertThat(received.queue).isEqualTo(expected == null ? UNCLASSIFIED_QUEUE : TABLE[hash & 127]);
        }
    }

    /** What tcpdump would show on the TAP: frames of a type of their own, with ours behind it. */
    @Test
    void sniffersOnTheTapSeeThePrefix() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        var sniffer = keep(namespace.call(() -> PacketSocket.open(tap.link().index())));
        int solPacket = 263;
        int ignoreOutgoing = 23;
        check(
                Posix.setsockopt(
                        sniffer.fd().number(),
                        solPacket,
                        ignoreOutgoing,
                        arena.allocateFrom(JAVA_INT, 0).address(),
                        4),
                "setsockopt PACKET_IGNORE_OUTGOING",
                "cannot listen to what goes out");
        byte[] frame = flows(1).getFirst();
        var received = sendAndReceive(frame);
        byte[] seen = new byte[InBandPrefix.BYTES + frame.length];
        assertThat(sniffer.receive(seen)).isEqualTo(seen.length);
        assertThat(seen).isEqualTo(received.bytes());
        assertThat(ByteBuffer.wrap(seen).getShort(12)).isEqualTo((short) 0x88B5);
    }

    @Test
    void automaticSteeringFollowsTheFlowsBehindThePrefix() throws Exception {
        attach(EgressHook.Kind.TCX);
        tap.clearSteering();
        var frames = flows(120);
        int[] without = new int[frames.size()];
        for (int i = 0; i < without.length; i++) without[i] = sendAndReceive(frames.get(i)).queue;
        program.configure(new InBandConfig(
                SteeringConfig.hashOnly(ReferenceHash.ALL, BitwiseToeplitz.table(KEY, 0)), true, true));
        int[] with = new int[frames.size()];
        for (int i = 0; i < with.length; i++) {
            var received = sendAndReceive(frames.get(i));
            assertThat(received.prefixed(program.nonce())).isTrue();
            with[i] = received.queue;
        }
        assertThat(with).isEqualTo(without);
    }

    @Test
    void automaticSteeringLearnsFromTheGuestBehindThePrefix() throws Exception {
        attach(EgressHook.Kind.TCX);
        tap.clearSteering();
        program.configure(new InBandConfig(
                SteeringConfig.hashOnly(ReferenceHash.ALL, BitwiseToeplitz.table(KEY, 0)), true, true));
        var frames = flows(40);
        for (int i = 0; i < frames.size(); i++) {
            if (i % 5 == 4) continue; // ARP is no flow
            int queue = i % QUEUES;
            write(queue, reversed(frames.get(i)));
            var received = sendAndReceive(frames.get(i));
            assertThat(received.prefixed(program.nonce())).isTrue();
            assertThat(received.queue).as("flow %d", i).isEqualTo(queue);
        }
    }

    @Test
    void frameBeyondSixteenKilobytesPassesWithoutAndIsSteeredAllTheSame() throws Exception {
        tap.link().setMtu(20_000);
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        for (byte[] flow : flows(4)) {
            byte[] frame = Arrays.copyOf(flow, 18_000);
            var received = sendAndReceive(frame);
            assertThat(received.bytes()).isEqualTo(frame);
            assertThat(received.queue).isEqualTo(rssQueue(frame));
        }
    }

    @Test
    void frameThatGoesPastTheEgressIsSteeredAllTheSame() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        int packetQdiscBypass = 20;
        Posix.setsockopt(
                host.fd().number(),
                263,
                packetQdiscBypass,
                arena.allocateFrom(ValueLayout.JAVA_INT, 1).address(),
                4);
        for (byte[] frame : flows(40)) {
            var received = sendAndReceive(frame);
            assertThat(received.bytes()).isEqualTo(frame);
            assertThat(received.queue).isEqualTo(rssQueue(frame));
        }
    }

    /** The kernel chooses the queue by its processor then, so nobody can say which; what matters is that it is bare. */
    @Test
    void frameThatXdpRedirectsIntoTheTapHasNoPrefix() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        try (var redirect = XdpRedirect.to(tap.link().index())) {
            for (byte[] frame : flows(5)) {
                namespace.run(() -> redirect.send(frame));
                assertThat(receiveOne().bytes()).isEqualTo(frame);
            }
        }
    }

    @Test
    void frameThatWaitedBeforeTheProgramCameHasNoPrefix() throws Exception {
        byte[] frame = flows(1).getFirst();
        assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        assertThat(receiveOne().bytes()).isEqualTo(frame);
    }

    /** The kernel asks no steering program then, and the program at the egress runs all the same. */
    @ParameterizedTest
    @EnumSource(EgressHook.Kind.class)
    void withOneQueueThePrefixStillCarriesTheHash(EgressHook.Kind kind) throws Exception {
        attach(kind);
        configureRss(true);
        tap.setAttachedQueues(1);
        for (byte[] frame : flows(10)) {
            var received = sendAndReceive(frame);
            assertThat(received.prefixed(program.nonce())).isTrue();
            var expected = ReferenceHash.of(frame, false, ReferenceHash.ALL);
            int hash = expected == null ? 0 : BitwiseToeplitz.hash(KEY, expected.input());
            assertThat(InBandPrefix.hash(received.packet, 0)).isEqualTo(hash);
            assertThat(received.queue).isZero();
        }
    }

    /** And a configuration without prefix means none, whatever is attached. */
    @Test
    void withoutPrefixItSteersAsTheSteeringProgramDoes() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(false);
        for (byte[] frame : flows(40)) {
            var received = sendAndReceive(frame);
            assertThat(received.bytes()).isEqualTo(frame);
            assertThat(received.queue).isEqualTo(rssQueue(frame));
        }
    }

    @Test
    void prefixWithAnotherNonceIsAFrame() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        byte[] inner = flows(1).getFirst();
        byte[] forged = new byte[InBandPrefix.BYTES + inner.length];
        InBandPrefix.write(MemorySegment.ofArray(forged), 0, program.nonce() + 1, 0x01020304, 1);
        System.arraycopy(inner, 0, forged, InBandPrefix.BYTES, inner.length);
        var received = sendAndReceive(forged);
        assertThat(received.prefixed(program.nonce())).isTrue();
        assertThat(InBandPrefix.report(received.packet, 0)).isZero();
        assertThat(received.frame()).isEqualTo(forged);
        assertThat(received.queue).isEqualTo(UNCLASSIFIED_QUEUE);
    }

    @Test
    void transmitFilterLooksAtThePrefixSoItIsCleared() throws Exception {
        attach(EgressHook.Kind.TCX);
        configureRss(true);
        byte[] frame = flows(1).getFirst();
        // struct tun_filter: one address, that of the frames.
        var filter = arena.allocate(10, 2);
        filter.set(ValueLayout.JAVA_SHORT, 2, (short) 1);
        MemorySegment.copy(frame, 0, filter, JAVA_BYTE, 4, 6);
        long tunSetTxFilter = 1L << 30 | 4 << 16 | 'T' << 8 | 209;
        int set = Posix.ioctl(tap.queue(0).fd().number(), tunSetTxFilter, filter.address());
        NativeException.check(set, "ioctl TUNSETTXFILTER", "cannot set a filter");
        assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
        assertThat(receive()).isEmpty();
        tap.clearTransmitFilter();
        assertThat(sendAndReceive(frame).frame()).isEqualTo(frame);
    }

    /**
     * A UDP socket hands the kernel several datagrams in one (UDP_SEGMENT). While the TAP's reader takes no checksums the
     * kernel cuts and sums such a packet itself, and drops it if something stands in front of it.
     */
    @Test
    void datagramsToBeCutAreNotLostWhetherTheReaderTakesChecksumsOrNot() throws Exception {
        attach(EgressHook.Kind.TCX);
        namespace.run(() -> {
            tap.link().addAddress(InetAddress.getByName("192.0.2.1"), 24);
            tap.link().addNeighbour(InetAddress.getByName("192.0.2.2"), Frames.bytes(2, 0, 0, 0, 0, 9));
        });
        int uso = TunOffload.CSUM | TunOffload.USO4 | TunOffload.USO6;
        for (int offloads : new int[] {0, TunOffload.CSUM, uso}) {
            if ((offloads & ~tap.supportedOffloads()) != 0) continue;
            tap.setOffloads(offloads);
            boolean csum = offloads != 0;
            configureRss(true, csum);
            assertThat(namespace.<Integer>call(() -> sendCut("192.0.2.2", 4000, 1000)))
                    .isEqualTo(4000);
            var packets = receive();
            assertThat(packets).as(TunOffload.describe(offloads)).hasSize(offloads == uso ? 1 : 4);
            for (var packet : packets)
                assertThat(packet.prefixed(program.nonce()))
                        .as(TunOffload.describe(offloads))
                        .isEqualTo(csum);
        }
    }

    @Test
    void tagBesideTheFrameComesOutBetweenTypeAndHashOfThePrefix() throws Exception {
        configureRss(true);
        try (var pusher = VlanPusher.attach(namespace, tap.link().index(), 0x8100, 0x0123)) {
            attach(EgressHook.Kind.TCX);
            for (byte[] frame : flows(20)) {
                var received = sendAndReceive(frame);
                assertThat(received.prefixed(program.nonce())).isTrue();
                assertThat(InBandPrefix.type(received.packet, 0)).isEqualTo(0x8100);
                assertThat(InBandPrefix.type(received.packet, InBandPrefix.TAG_BYTES))
                        .isEqualTo(InBandPrefix.TYPE);
                var answer = ReferenceHash.of(frame, true, ReferenceHash.ALL);
                int hash = answer == null ? 0 : BitwiseToeplitz.hash(KEY, answer.input());
                assertThat(InBandPrefix.hash(received.packet, 0)).isEqualTo(hash);
                int inner = InBandPrefix.BYTES + InBandPrefix.TAG_BYTES;
                assertThat(received.packet.asSlice(inner).toArray(JAVA_BYTE)).isEqualTo(frame);
            }
            assertThat(pusher.isOpen()).isTrue();
        }
    }

    /** By clsact: a tcx link goes with the process that made it. */
    @Test
    void filterOfAProcessThatWasKilledIsRemovedAndSomebodyElsesIsNot() throws Exception {
        var link = tap.link();
        assertThat(InBandProgram.removeLeftovers(link)).isFalse();
        Disciplines.add(link, "clsact");
        var other = EgressProgram.passAll(link, "another");
        leaveFilter("ringtap_prefix");
        assertThat(InBandProgram.removeLeftovers(link)).isTrue();
        assertThat(EgressFilter.names(link)).containsExactly("another");
        assertThat(InBandProgram.removeLeftovers(link)).isFalse();
        other.close();
        assertThat(EgressFilter.names(link)).isEmpty();
        assertThat(Disciplines.kinds(link)).contains("clsact");
    }

    @Test
    void disciplineThatCameWithALeftoverGoesWithIt() throws Exception {
        leaveFilter("ringtap_prefix+clsact");
        assertThat(Disciplines.kinds(tap.link())).contains("clsact");
        assertThat(InBandProgram.removeLeftovers(tap.link())).isTrue();
        assertThat(Disciplines.kinds(tap.link())).doesNotContain("clsact");
    }

    /** He may be about to use it. */
    @Test
    void disciplineThatSomebodyMadeStaysThoughItIsEmpty() throws Exception {
        Disciplines.add(tap.link(), "clsact");
        leaveFilter("ringtap_prefix");
        assertThat(InBandProgram.removeLeftovers(tap.link())).isTrue();
        assertThat(Disciplines.kinds(tap.link())).contains("clsact");
        program.close();
        assertThat(Disciplines.kinds(tap.link())).contains("clsact");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void disciplineThatCameWithALeftoverStaysWithTheFiltersOfOthers(boolean egress) throws Exception {
        leaveFilter("ringtap_prefix+clsact");
        if (egress) {
            keep(EgressProgram.passAll(tap.link(), "another"));
        } else {
            try (var other = EgressProgram.load(0)) {
                Disciplines.addIngressFilter(tap.link(), other.number());
            }
        }
        assertThat(InBandProgram.removeLeftovers(tap.link())).isTrue();
        assertThat(EgressFilter.names(tap.link())).isEqualTo(egress ? List.of("another") : List.of());
        assertThat(Disciplines.kinds(tap.link())).contains("clsact");
    }

    /** A start that finds the leftovers of its own kind only when it attaches. */
    @Test
    void filterTakesThePlaceOfALeftoverWithItsDiscipline() throws Exception {
        leaveFilter("ringtap_prefix+clsact");
        try (var next = InBandProgram.load()) {
            namespace.run(() -> next.attachTo(tap.link(), EgressHook.Kind.CLSACT));
            assertThat(EgressFilter.names(tap.link())).containsExactly("ringtap_prefix+clsact");
        }
        assertThat(Disciplines.kinds(tap.link())).doesNotContain("clsact");
    }

    /** As a killed process leaves it: nobody closes it. */
    private void leaveFilter(String expectedName) throws Exception {
        attach(EgressHook.Kind.CLSACT);
        assertThat(EgressFilter.names(tap.link())).contains(expectedName);
    }

    /** The kernel runs tcx programs first, and a filter that rewrites addresses would find a prefix in their place. */
    @Test
    void standsBehindTheFiltersThatAreThere() throws Exception {
        try (var other = EgressProgram.passAll(tap.link(), "another")) {
            namespace.run(() -> program.attachTo(tap.link()));
            assertThat(program.attachedBy()).isEqualTo("clsact");
            assertThat(EgressFilter.names(tap.link())).containsExactlyInAnyOrder("another+clsact", "ringtap_prefix");
            assertThat(other).isNotNull();
        }
    }

    @Test
    void whereAnIngressDisciplineIsItIsNotAttachedToThat() throws Exception {
        Disciplines.add(tap.link(), "ingress");
        assertThatThrownBy(() -> attach(EgressHook.Kind.CLSACT))
                .isInstanceOf(NativeException.class)
                .hasMessageContaining("another queueing discipline");
        assertThat(EgressFilter.names(tap.link())).isEmpty();
        assertThat(EgressFilter.anyAtEgress(tap.link())).isFalse();
    }

    @Test
    void closingRemovesTheFilterAndTheDisciplineThatCameWithIt() throws Exception {
        attach(EgressHook.Kind.CLSACT);
        assertThat(EgressFilter.names(tap.link())).containsExactly("ringtap_prefix+clsact");
        program.close();
        assertThat(EgressFilter.names(tap.link())).isEmpty();
        assertThat(Disciplines.kinds(tap.link())).doesNotContain("clsact");
        byte[] frame = flows(1).getFirst();
        assertThat(sendAndReceive(frame).bytes()).isEqualTo(frame);
    }

    /** An index means another interface in another namespace. */
    @Test
    void attachingFromAnotherNamespaceIsRefused() {
        assertThatThrownBy(() -> program.attachTo(tap.link()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(tap.name());
    }

    private int sendCut(String to, int bytes, int segment) throws Exception {
        try (var socket = OwnedFd.of(Posix.socket(Posix.AF_INET, Posix.SOCK_DGRAM, 0))) {
            int fd = socket.number();
            var address = arena.allocate(16, 4);
            address.set(ValueLayout.JAVA_SHORT, 0, (short) Posix.AF_INET);
            address.set(ValueLayout.JAVA_SHORT, 2, Short.reverseBytes((short) 9999));
            MemorySegment.copy(InetAddress.getByName(to).getAddress(), 0, address, JAVA_BYTE, 4, 4);
            NativeException.check(Posix.connect(fd, address.address(), 16), "connect", "cannot connect");
            int udp = 17;
            int udpSegment = 103;
            NativeException.check(
                    Posix.setsockopt(
                            fd,
                            udp,
                            udpSegment,
                            arena.allocateFrom(ValueLayout.JAVA_INT, segment).address(),
                            4),
                    "setsockopt UDP_SEGMENT",
                    "cannot have datagrams cut");
            return (int) Posix.send(fd, arena.allocate(bytes).address(), bytes, 0);
        }
    }

    private static int rssQueue(byte[] frame) {
        var answer = ReferenceHash.of(frame, false, ReferenceHash.ALL);
        return answer == null ? UNCLASSIFIED_QUEUE : TABLE[BitwiseToeplitz.hash(KEY, answer.input()) & 127];
    }

    /** The frame that answers this one: addresses and ports exchanged. */
    private static byte[] reversed(byte[] frame) {
        byte[] answer = frame.clone();
        swap(answer, 0, 6, 6);
        boolean ipv4 = frame[12] == 0x08;
        int addresses = ipv4 ? 26 : 22;
        int bytes = ipv4 ? 4 : 16;
        swap(answer, addresses, addresses + bytes, bytes);
        swap(answer, addresses + 2 * bytes, addresses + 2 * bytes + 2, 2);
        return answer;
    }

    private static void swap(byte[] frame, int one, int other, int bytes) {
        byte[] kept = Arrays.copyOfRange(frame, one, one + bytes);
        System.arraycopy(frame, other, frame, one, bytes);
        System.arraycopy(kept, 0, frame, other, bytes);
    }

    private void write(int queue, byte[] frame) throws NativeException {
        buffer.asSlice(0, TapDevice.HEADER_BYTES).fill((byte) 0);
        MemorySegment.copy(frame, 0, buffer, JAVA_BYTE, TapDevice.HEADER_BYTES, frame.length);
        int bytes = TapDevice.HEADER_BYTES + frame.length;
        NativeException.check(
                Posix.write(tap.queue(queue).fd().number(), buffer.address(), bytes), "write", "cannot write");
    }

    private static List<byte[]> flows(int count) {
        var flows = new ArrayList<byte[]>();
        for (int i = 0; i < count; i++) {
            byte[] transport = Arrays.copyOf(Frames.bytes(i * 7, i, 1, 2), 60);
            byte[] packet = switch (i % 5) {
                case 0 -> Frames.ipv4(Frames.UDP, 0, new byte[0], transport);
                case 1 -> Frames.ipv4(Frames.TCP, 0, new byte[0], transport);
                case 2 -> Frames.ipv6(Frames.UDP, transport);
                case 3 -> Frames.ipv6(Frames.TCP, transport);
                default -> new byte[60];
            };
            int type = i % 5 < 2 ? Frames.IPV4 : i % 5 < 4 ? Frames.IPV6 : 0x0806;
            flows.add(Frames.join(Frames.ethernet(type), packet));
        }
        return flows;
    }

    private Received sendAndReceive(byte[] frame) throws Exception {
        assertThat(host.send(frame, frame.length)).isEqualTo(frame.length);
        return receiveOne();
    }

    private Received receiveOne() throws Exception {
        var received = receive();
        assertThat(received).hasSize(1);
        return received.getFirst();
    }

    /** What waits in the queues now. */
    private List<Received> receive() throws Exception {
        var received = new ArrayList<Received>();
        for (int queue = 0; queue < QUEUES; queue++)
            for (var got = receive(queue); got != null; got = receive(queue)) received.add(got);
        return received;
    }

    private Received receive(int queue) throws Exception {
        long bytes = Posix.read(tap.queue(queue).fd().number(), buffer.address(), buffer.byteSize());
        if (bytes == -Errno.EAGAIN) return null;
        NativeException.check(bytes, "read", "cannot read from the TAP");
        var packet = MemorySegment.ofArray(buffer.asSlice(TapDevice.HEADER_BYTES, bytes - TapDevice.HEADER_BYTES)
                .toArray(JAVA_BYTE));
        return new Received(tap.queue(queue).kernelIndex(), packet);
    }
}
