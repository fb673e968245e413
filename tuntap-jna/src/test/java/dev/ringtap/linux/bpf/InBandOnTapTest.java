// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/** The two programs on a multi-queue TAP in a network namespace of its own: what its reader gets. */
@RequiresTap
@RequiresBpf
class InBandOnTapTest {
    private static final int QUEUES = 8;
    private static final int UNCLASSIFIED_QUEUE = 7;
    private static final int[] TABLE = IntStream.range(0, 128).map(i -> i % 7).toArray();
    private static final byte[] KEY = new byte[40];

    private final Arena arena = Arena.ofConfined();
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
        namespace.run(() -> program.attachTo(tap.link().index(), kind));
        tap.setSteering(program.steeringFd());
    }

    private void configureRss(boolean prefix) throws NativeException {
        var rss = SteeringConfig.rss(ReferenceHash.ALL, UNCLASSIFIED_QUEUE, TABLE, BitwiseToeplitz.table(KEY, 0));
        program.configure(new InBandConfig(rss, prefix, true));
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
        System.out.println(Arrays.toString(without));
        assertThat(with).isEqualTo(without);
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
        Received received = null;
        for (int queue = 0; queue < QUEUES; queue++) {
            for (var got = receive(queue); got != null; got = receive(queue)) {
                assertThat(received).as("a second frame").isNull();
                received = got;
            }
        }
        assertThat(received).as("a frame").isNotNull();
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
