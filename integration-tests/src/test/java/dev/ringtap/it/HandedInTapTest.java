// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.it.container.ImageBundle;
import dev.ringtap.it.container.RequiresDocker;
import dev.ringtap.it.container.RequiresDocker.Need;
import dev.ringtap.it.initramfs.InstalledPrograms;
import dev.ringtap.linux.HostGroup;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.PacketSocket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** {@code ringtap run} on a TAP that another program, here Perl, opened and handed in. */
@RequiresTap
@RequiresRoot
class HandedInTapTest {
    private static final int PAIRS = 4;
    private static final int PACKETS = 64;
    private static final int LARGE_MTU = 9_000;
    private static final Set<PosixFilePermission> ALL_MAY = PosixFilePermissions.fromString("rwxrwxrwx");
    private static final int PATIENCE_S = 30;
    private static final byte[] HOST_MAC = {2, 0, 0, 0, 0, 9};
    private static final byte[] HOST = {10, 9, 0, 1};
    private static final byte[] GUEST = {10, 9, 0, 2};

    /** Opens a TAP's queues and runs a command, with FDS in it replaced. 0x5102: multi-queue, vnet_hdr, no_pi, tap. */
    private static final String HAND_IN = "$^F = 255; my ($name, $queues) = splice @ARGV, 0, 2;"
            + " for (1 .. $queues) {"
            + "   sysopen(my $tap, '/dev/net/tun', 2) or die \"open: $!\";"
            + "   my $request = pack('a16 S x22', $name, 0x5102);"
            + "   ioctl($tap, 0x400454ca, $request) or die \"TUNSETIFF: $!\";"
            + "   push @taps, $tap;"
            + " }"
            + " my $fds = join(',', map { fileno($_) } @taps);"
            + " my @command = map { s/^FDS$/$fds/r } @ARGV;"
            + " exec @command or die \"exec: $!\";";

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private HostSide host;
    private RingtapProcess ringtap;
    private PacketSocket sender;
    private FakeGuest guest;

    @BeforeEach
    void makeHost() throws Exception {
        host = HostSide.create();
    }

    @AfterEach
    void end() throws Exception {
        if (guest != null) guest.close();
        if (sender != null) sender.close();
        if (ringtap != null) ringtap.close();
        host.close();
    }

    @Test
    void withoutAnyPrivilegeOrNetworkItServesAutomaticSteeringWithHashes() throws Exception {
        start(List.of(
                "unshare",
                "--net",
                "--mount",
                "sh",
                "-c",
                "mount -t tmpfs none /dev/net && exec setpriv --bounding-set -all --inh-caps -all \"$@\"",
                "sh"));
        assertThat(ringtap.output())
                .contains("kernel TAP: --tap-fd", "RSS is not offered:", "which is in another network namespace");
        assertThat(GuestFeature.RSS.in(guest.offeredFeatures())).isFalse();
        assertThat(GuestFeature.HASH_REPORT.in(guest.ackedFeatures())).isTrue();
        assertServesAutomaticSteeringWithHashes();
        assertThat(ringtap.terminate()).isZero();
        assertThat(host.tapExists()).isFalse();
    }

    @Test
    @RequiresDocker(Need.NATIVE)
    void theImageServesItAsItsOwnUserWithoutPrivilegeDeviceOrNetwork() throws Exception {
        boolean runc = InstalledPrograms.find("runc").isPresent();
        assumeThat(runc || HostGroup.DOCKER.required()).as("runc is installed").isTrue();
        Path sockets = Files.createDirectory(directory.resolve("sockets"));
        Files.setPosixFilePermissions(sockets, ALL_MAY);
        Path bundleDirectory = Files.createDirectory(directory.resolve("bundle"));
        String fds = IntStream.range(3, 3 + PAIRS).mapToObj(Integer::toString).collect(Collectors.joining(","));
        try (var bundle = ImageBundle.unpack(
                bundleDirectory, sockets, "run", "--tap-fd", fds, "--socket", ImageBundle.socket())) {
            List<String> command = new ArrayList<>(handIn());
            command.addAll(bundle.command(PAIRS));
            ringtap = outputs.watch(RingtapProcess.startCommand(host.namespace(), command));
            Path socket = sockets.resolve("guest.sock");
            connect(socket);
            assertThat(Files.getAttribute(socket, "unix:uid")).isEqualTo(ImageBundle.USER);
            assertThat(ringtap.output()).contains("kernel TAP: --tap-fd", "RSS is not offered:");
            assertServesAutomaticSteeringWithHashes();
            assertThat(ringtap.terminate()).isZero();
        }
    }

    @Test
    @RequiresBpf
    void withPrivilegeItServesRss() throws Exception {
        start(List.of(), "--hash-source", "ebpf");
        assertThat(ringtap.output()).contains("kernel TAP: --tap-fd").doesNotContain("RSS is not offered");
        Random random = new Random(41);
        byte[] key = new byte[40];
        random.nextBytes(key);
        GuestRss rss = new GuestRss(HashTypes.ALL, random.ints(128, 0, PAIRS).toArray(), 1, key);
        acknowledged(guest.control()
                .setRss(rss.hashTypes(), rss.table().length - 1, rss.unclassified(), rss.table(), PAIRS, rss.key())
                .get(PATIENCE_S, TimeUnit.SECONDS));
        for (int i = 0; i < PACKETS; i++) {
            byte[] frame = datagram(i);
            send(frame);
            ReceivedPacket packet = next();
            Expectation.Answer expected = Expectation.of(frame, rss);
            assertThat(packet.queue()).isEqualTo(expected.queue());
            assertThat(packet.hashValue()).isEqualTo(expected.hashValue());
            assertThat(packet.hashReport()).isEqualTo(expected.hashReport());
        }
        assertThat(ringtap.terminate()).isZero();
    }

    @Test
    void withoutPrivilegeItLeavesTheInterfaceAsItIsAndTellsTheGuestItsMtu() throws Exception {
        start(List.of(
                "sh",
                "-c",
                "ip link set " + HostSide.TAP + " up mtu " + LARGE_MTU
                        + " && exec setpriv --bounding-set -all --inh-caps -all \"$@\"",
                "sh"));
        assertThat(guest.config().mtu()).isEqualTo(LARGE_MTU);
        assertThat(ringtap.terminate()).isZero();
    }

    private void assertServesAutomaticSteeringWithHashes() throws Exception {
        byte[] key = new byte[40];
        new Random(40).nextBytes(key);
        acknowledged(guest.control().setQueuePairs(PAIRS).get(PATIENCE_S, TimeUnit.SECONDS));
        acknowledged(guest.control().setHash(HashTypes.ALL, key).get(PATIENCE_S, TimeUnit.SECONDS));
        for (int i = 0; i < PACKETS; i++) {
            byte[] frame = datagram(i);
            send(frame);
            ReceivedPacket packet = next();
            var hash = Expectation.hash(frame, HashTypes.ALL, key);
            assertThat(packet.frame()).isEqualTo(frame);
            assertThat(packet.queue()).isLessThan(PAIRS);
            assertThat(packet.hashValue()).isEqualTo(hash.value());
            assertThat(packet.hashReport()).isEqualTo(hash.report());
        }

        byte[] back = Frames.ethernet(
                HOST_MAC,
                guest.mac(),
                Frames.ETHERTYPE_IPV4,
                Frames.ipv4(GUEST, HOST, Frames.PROTOCOL_UDP, Frames.udp(GUEST, HOST, 7, 7, new byte[32])));
        guest.channel().writeAndFlush(TransmitPacket.plain(0, back));
        assertThat(receiveFromGuest(back.length)).isEqualTo(back);
    }

    private void start(List<String> wrapper, String... options) throws Exception {
        Path socket = directory.resolve("guest.sock");
        var before = new ArrayList<>(handIn());
        before.addAll(wrapper);
        var arguments = new ArrayList<>(List.of("run", "--tap-fd", "FDS", "--socket", socket.toString()));
        arguments.addAll(List.of(options));
        ringtap = outputs.watch(RingtapProcess.start(host.namespace(), before, arguments.toArray(String[]::new)));
        connect(socket);
    }

    private static List<String> handIn() {
        return List.of("perl", "-e", HAND_IN, HostSide.TAP, Integer.toString(PAIRS));
    }

    /** Sets the interface up, and connects the host's end and a guest. */
    private void connect(Path socket) throws Exception {
        ringtap.awaitSocket(socket);
        sender = host.namespace().call(() -> {
            try (var link = LinkConfig.open(HostSide.TAP)) {
                link.disableIpv6();
                link.setUp(true);
                return PacketSocket.open(link.index());
            }
        });
        guest = FakeGuest.builder(socket)
                .queuePairs(PAIRS)
                .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                        if (ByteBuffer.wrap(packet.frame()).getShort(12) == Frames.ETHERTYPE_IPV4) inbox.add(packet);
                    }
                }))
                .connect();
    }

    private void send(byte[] frame) throws Exception {
        assertThat(sender.send(frame, frame.length)).isEqualTo(frame.length);
    }

    private ReceivedPacket next() throws InterruptedException {
        var packet = inbox.poll(PATIENCE_S, TimeUnit.SECONDS);
        assertThat(packet).as("a packet").isNotNull();
        return packet;
    }

    private byte[] receiveFromGuest(int bytes) throws Exception {
        byte[] buffer = new byte[PacketSocket.MAX_FRAME_BYTES];
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S);
        while (System.nanoTime() < deadline) {
            int received = sender.receive(buffer);
            if (received == bytes && buffer[0] == HOST_MAC[0] && buffer[5] == HOST_MAC[5]) {
                return Arrays.copyOf(buffer, received);
            }
            if (received < 0) {
                Thread.sleep(1);
            }
        }
        throw new AssertionError("nothing came from the guest");
    }

    private byte[] datagram(int flow) {
        byte[] udp = Frames.udp(HOST, GUEST, 1_000 + flow, 7, new byte[32]);
        byte[] packet = Frames.ipv4(HOST, GUEST, Frames.PROTOCOL_UDP, udp);
        return Frames.ethernet(guest.mac(), HOST_MAC, Frames.ETHERTYPE_IPV4, packet);
    }

    private static void acknowledged(int ack) {
        assertThat(ack).isEqualTo(ControlQueueClient.OK);
    }
}
