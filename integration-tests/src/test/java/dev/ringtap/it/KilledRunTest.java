// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.bpf.EgressProgram;
import dev.ringtap.linux.net.Disciplines;
import dev.ringtap.linux.net.EgressFilter;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code ringtap run} with hashes in band is killed while a guest receives, and the TAP, which is persistent, is served
 * again: what the dead process left in the kernel is in nobody's way.
 */
@RequiresRoot
@RequiresTap
@RequiresBpf
class KilledRunTest {
    private static final int PAIRS = 4;
    private static final int PACKETS = 200;
    private static final int SIGKILL_STATUS = 128 + 9;
    private static final long LIMIT_S = 30;

    private static final int PREFIX_BYTES = 16;
    private static final short PREFIX_TYPE = (short) 0x88B5;
    private static final String REMOVED = "removed a filter that an earlier run left at the egress of " + HostSide.TAP;

    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final byte[] HOST_MAC = {2, 0, 0, 0, 0, 9};

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    private final Random random = new Random(3);
    private HostSide host;
    private Path socket;
    private LinkConfig link;
    private PacketSocket sender;
    private final List<RingtapProcess> started = new ArrayList<>();
    private RingtapProcess ringtap;

    @BeforeEach
    void makePersistentTap() throws Exception {
        host = HostSide.create();
        socket = directory.resolve("guest.sock");
        host.namespace().run(() -> {
            try (var tap = openTap()) {
                // A sender that the test does not know of would be in its way.
                tap.link().disableIpv6();
                tap.link().setUp(true);
            }
            link = LinkConfig.open(HostSide.TAP);
            sender = PacketSocket.open(link.index());
        });
    }

    @AfterEach
    void end() throws IOException {
        for (var process : started) process.close();
        if (sender != null) sender.close();
        if (link != null) link.close();
        host.close();
    }

    private static TapDevice openTap() throws IOException {
        return TapDevice.open(TapDevice.Options.of(HostSide.TAP, PAIRS).withPersist(true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ebpf", "device"})
    void filterBehindSomebodyElsesStaysUntilTheNextRun(String hashSource) throws Exception {
        Disciplines.add(link, "clsact");
        EgressProgram.passAll(link, "another");
        runAndKill("clsact");
        assertThat(EgressFilter.names(link)).containsExactlyInAnyOrder("another", "ringtap_prefix");
        assertPrefixed(true);

        run(hashSource);
        assertThat(ringtap.output()).contains(REMOVED);
        assertThat(EgressFilter.names(link))
                .containsExactlyInAnyOrderElementsOf(
                        hashSource.equals("ebpf") ? List.of("another", "ringtap_prefix") : List.of("another"));
        assertServes();

        assertThat(ringtap.terminate()).isZero();
        assertThat(EgressFilter.names(link)).containsExactly("another");
        assertPrefixed(false);
    }

    /** There the discipline is ringtap's own, too. */
    @ParameterizedTest
    @ValueSource(strings = {"ebpf", "device"})
    void filterOnAKernelWithoutTcxStaysWithItsDisciplineUntilTheNextRun(String hashSource) throws Exception {
        host.namespace().run(WithoutTcx::onThisThread);
        runAndKill("clsact");
        assertThat(EgressFilter.names(link)).containsExactly("ringtap_prefix+clsact");
        assertPrefixed(true);

        run(hashSource);
        assertThat(ringtap.output()).contains(REMOVED);
        if (hashSource.equals("ebpf")) {
            assertThat(EgressFilter.names(link)).containsExactly("ringtap_prefix+clsact");
        } else {
            assertThat(Disciplines.kinds(link)).doesNotContain("clsact");
        }
        assertServes();

        assertThat(ringtap.terminate()).isZero();
        assertThat(Disciplines.kinds(link)).doesNotContain("clsact");
        assertPrefixed(false);
    }

    @Test
    void tcxLinkGoesWithTheProcess() throws Exception {
        runAndKill("tcx");
        assertThat(EgressFilter.names(link)).isEmpty();
        assertThat(Disciplines.kinds(link)).doesNotContain("clsact");
        assertPrefixed(false);

        run("device");
        assertServes();
        assertThat(ringtap.output()).doesNotContain(REMOVED);
    }

    private void run(String hashSource) throws Exception {
        // A process that was killed leaves it, and it would be taken for the next one's.
        Files.deleteIfExists(socket);
        ringtap = outputs.watch(RingtapProcess.start(
                host.namespace(),
                "run",
                "--tap-name",
                HostSide.TAP,
                "--queue-pairs",
                Integer.toString(PAIRS),
                "--socket",
                socket.toString(),
                "--hash-source",
                hashSource));
        started.add(ringtap);
        ringtap.awaitSocket(socket);
    }

    /** @param attachedBy what the run is to say about its program */
    private void runAndKill(String attachedBy) throws Exception {
        run("ebpf");
        ringtap.awaitOutput("program at the TAP's egress (");
        assumeTrue(
                !attachedBy.equals("tcx") || ringtap.output().contains("egress (tcx)"),
                "this kernel is older than tcx");
        assertThat(ringtap.output()).contains("egress (" + attachedBy + ")").doesNotContain(REMOVED);
        var inbox = new LinkedBlockingQueue<ReceivedPacket>();
        try (var guest = connect(inbox)) {
            assertReceives(guest, inbox);
            ringtap.kill();
        }
        assertThat(ringtap.awaitExit()).isEqualTo(SIGKILL_STATUS);
    }

    /** A guest connects, and each of its packets has the hash and the queue that they ought to have. */
    private void assertServes() throws Exception {
        var inbox = new LinkedBlockingQueue<ReceivedPacket>();
        try (var guest = connect(inbox)) {
            assertReceives(guest, inbox);
        }
    }

    private FakeGuest connect(BlockingQueue<ReceivedPacket> inbox) throws IOException {
        return FakeGuest.builder(socket)
                .queuePairs(PAIRS)
                .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                        inbox.add(packet);
                    }

                    @Override
                    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                        // Its back-end is killed: the channel closes itself.
                        context.close();
                    }
                }))
                .connect();
    }

    private void assertReceives(FakeGuest guest, BlockingQueue<ReceivedPacket> inbox) throws Exception {
        byte[] key = new byte[40];
        random.nextBytes(key);
        int[] table = random.ints(128, 0, PAIRS).toArray();
        var rss = new GuestRss(HashTypes.ALL, table, random.nextInt(PAIRS), key);
        int answer = guest.control()
                .setRss(rss.hashTypes(), table.length - 1, rss.unclassified(), table, PAIRS, key)
                .get(LIMIT_S, TimeUnit.SECONDS);
        assertThat(answer).isEqualTo(ControlQueueClient.OK);
        for (int i = 0; i < PACKETS; i++) {
            byte[] frame = frame(i);
            assertThat(sender.send(frame, frame.length)).isEqualTo(frame.length);
            var packet = inbox.poll(LIMIT_S, TimeUnit.SECONDS);
            assertThat(packet).as("packet %d", i).isNotNull();
            assertThat(packet.frame()).isEqualTo(frame);
            assertThat(new Expectation.Answer(packet.queue(), packet.hashValue(), packet.hashReport()))
                    .as("packet %d", i)
                    .isEqualTo(Expectation.of(frame, rss));
        }
    }

    /** Requests of io_uring hold the TAP open a few milliseconds longer than the process that was killed. */
    private void awaitRelease() throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (link.info().tun().queues() + link.info().tun().detachedQueues() > 0) {
            assertThat(System.nanoTime()).as("TAP is held open").isLessThan(deadline);
            Thread.sleep(1);
        }
    }

    /** What a TAP that nobody serves gives its next reader, who takes nothing away. */
    private void assertPrefixed(boolean expected) throws Exception {
        awaitRelease();
        byte[] frame = frame(1);
        byte[] packet = host.namespace().call(() -> {
            try (var tap = openTap()) {
                return sendUntilRead(tap, frame);
            }
        });
        int prefix = expected ? PREFIX_BYTES : 0;
        assertThat(Arrays.copyOfRange(packet, prefix, packet.length)).isEqualTo(frame);
        if (expected) assertThat(ByteBuffer.wrap(packet).getShort(12)).isEqualTo(PREFIX_TYPE);
    }

    /** The interface has its carrier again only now, and drops for a moment what is sent. */
    private byte[] sendUntilRead(TapDevice tap, byte[] frame) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(4096, 8);
            while (System.nanoTime() < deadline) {
                sender.send(frame, frame.length);
                for (int queue = 0; queue < PAIRS; queue++) {
                    long bytes = Posix.read(tap.queue(queue).fd().number(), buffer.address(), buffer.byteSize());
                    if (bytes == -Errno.EAGAIN) continue;
                    assertThat(bytes).isGreaterThan(TapDevice.HEADER_BYTES);
                    return buffer.asSlice(TapDevice.HEADER_BYTES, bytes - TapDevice.HEADER_BYTES)
                            .toArray(ValueLayout.JAVA_BYTE);
                }
                Thread.sleep(20);
            }
        }
        throw new AssertionError("nothing came out of " + tap);
    }

    /** TCP and UDP over IPv4 and IPv6, of a flow for each number, and now and then what has no hash. */
    private static byte[] frame(int number) {
        byte[] payload = new byte[20 + number % 50];
        if (number % 5 == 4) return Frames.ethernet(BROADCAST, HOST_MAC, Frames.ETHERTYPE_ARP, payload);
        boolean ipv6 = number % 5 >= 2;
        boolean udp = number % 2 == 0;
        byte[] source = new byte[ipv6 ? 16 : 4];
        byte[] destination = source.clone();
        source[0] = destination[0] = (byte) (ipv6 ? 0xFD : 10);
        source[source.length - 1] = 1;
        destination[source.length - 1] = 2;
        int port = 1000 + number;
        byte[] data = udp
                ? Frames.udp(source, destination, port, 5000, payload)
                : Frames.tcp(source, destination, port, 5000, 1, 1, Frames.TCP_ACK, new byte[0], payload, false);
        int protocol = udp ? Frames.PROTOCOL_UDP : Frames.PROTOCOL_TCP;
        return ipv6
                ? Frames.ethernet(
                        BROADCAST, HOST_MAC, Frames.ETHERTYPE_IPV6, Frames.ipv6(source, destination, protocol, data))
                : Frames.ethernet(
                        BROADCAST, HOST_MAC, Frames.ETHERTYPE_IPV4, Frames.ipv4(source, destination, protocol, data));
    }
}
