// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.PacketSocket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** {@code ringtap run} with programs of the user's own: the example of docs/custom-programs.md at work. */
@RequiresTap
@RequiresBpf
class CustomProgramsTest {
    private static final int PAIRS = 4;
    private static final int UDP_IPV4_TYPE = 1 << 2;
    private static final int REPORT_UDP_IPV4 = 3;
    private static final int MOST_SECONDS = 30;

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private HostSide host;
    private RingtapProcess ringtap;
    private PacketSocket sender;
    private FakeGuest guest;
    private Path socket;

    @BeforeEach
    void makeHost() throws Exception {
        host = HostSide.create();
        socket = directory.resolve("guest.sock");
        try (var object =
                CustomProgramsTest.class.getResourceAsStream("/dev/ringtap/linux/bpf/objects/by_port.bpf.o")) {
            Files.write(directory.resolve("by_port.bpf.o"), object.readAllBytes());
        }
    }

    @AfterEach
    void end() throws IOException {
        if (guest != null) guest.close();
        if (sender != null) sender.close();
        if (ringtap != null) ringtap.close();
        host.close();
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    private void start(String... options) throws Exception {
        var arguments = new ArrayList<>(List.of("run", "--tap", HostSide.TAP, "--socket", socket.toString()));
        arguments.addAll(List.of("--queue-pairs", Integer.toString(PAIRS)));
        arguments.addAll(List.of(options));
        ringtap = outputs.watch(RingtapProcess.start(host.namespace(), arguments.toArray(String[]::new)));
        ringtap.awaitSocket(socket);
        sender = host.namespace().call(() -> {
            try (var link = LinkConfig.open(HostSide.TAP)) {
                link.disableIpv6();
                return PacketSocket.open(link.index());
            }
        });
        guest = FakeGuest.builder(socket)
                .queuePairs(PAIRS)
                .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                        if (ByteBuffer.wrap(packet.frame()).getShort(12) == 0x0800) inbox.add(packet);
                    }
                }))
                .connect();
    }

    private String option(String program) {
        return directory.resolve("by_port.bpf.o") + ":" + program;
    }

    private void send(int port) throws IOException {
        byte[] frame = datagram(port);
        assertThat(sender.send(frame, frame.length)).isEqualTo(frame.length);
    }

    private ReceivedPacket next() throws InterruptedException {
        var packet = inbox.poll(MOST_SECONDS, TimeUnit.SECONDS);
        assertThat(packet).as("a packet").isNotNull();
        return packet;
    }

    private static int portOf(ReceivedPacket packet) {
        return Short.toUnsignedInt(ByteBuffer.wrap(packet.frame()).getShort(36));
    }

    /** UDP over IPv4 to a broadcast MAC address. */
    private static byte[] datagram(int port) {
        var frame = ByteBuffer.allocate(60);
        byte[] destination = new byte[6];
        Arrays.fill(destination, (byte) 0xFF);
        frame.put(destination).put(new byte[] {2, 0, 0, 0, 0, 9}).putShort((short) 0x0800);
        frame.putShort((short) 0x4500)
                .putShort((short) 46)
                .putInt(0)
                .putShort((short) 0x4011)
                .putShort((short) 0);
        frame.putInt(0x0A090001).putInt(0x0A090002);
        frame.putShort((short) 1234).putShort((short) port).putShort((short) 26).putShort((short) 0);
        frame.put("a packet's payload".getBytes(US_ASCII));
        return frame.array();
    }

    @Test
    void steeringProgramChoosesTheQueueAndHashesAreReportedAllTheSame() throws Exception {
        var queues = file("queues", "# port = queue\n80/be16 = 2\n443/be16 = 3\n53/be16 = 6\n");
        var constants = file("constants", "0 = 1\n");
        start("--steering", option("steer"), "--map", "queues=" + queues, "--map", ".rodata.settings=" + constants);
        assertThat(ringtap.output())
                .contains("RSS is not offered: program 'steer' (section 'socket/steering') of "
                        + directory.resolve("by_port.bpf.o") + " chooses the queue");
        assertThat(GuestFeature.RSS.in(guest.offeredFeatures())).isFalse();
        assertThat(GuestFeature.HASH_REPORT.in(guest.ackedFeatures())).isTrue();
        assertThat(guest.control().setHash(UDP_IPV4_TYPE, new byte[40]).get(MOST_SECONDS, TimeUnit.SECONDS))
                .isEqualTo(ControlQueueClient.OK);
        // 6 is 2 modulo the queues; a port without an entry goes where the constant says.
        int[][] queueOfPort = {{80, 2}, {443, 3}, {53, 2}, {5000, 1}};
        for (int[] expected : queueOfPort) {
            send(expected[0]);
            var packet = next();
            assertThat(portOf(packet)).isEqualTo(expected[0]);
            assertThat(packet.queue()).as("port %d", expected[0]).isEqualTo(expected[1]);
            assertThat(packet.hashReport()).isEqualTo(REPORT_UDP_IPV4);
        }

        // Fewer pairs: the program's answer modulo those; then all of them again.
        assertThat(guest.control().setQueuePairs(2).get(MOST_SECONDS, TimeUnit.SECONDS))
                .isEqualTo(ControlQueueClient.OK);
        send(443);
        assertThat(next().queue()).isEqualTo(1);
        assertThat(guest.control().setQueuePairs(PAIRS).get(MOST_SECONDS, TimeUnit.SECONDS))
                .isEqualTo(ControlQueueClient.OK);
        send(443);
        assertThat(next().queue()).isEqualTo(3);
        assertThat(ringtap.terminate()).isZero();
    }

    @Test
    void filterDropsAndRssStaysOffered() throws Exception {
        start("--filter", option("admit"), "--map", "closed=" + file("closed", "23/be16 = 1\n"));
        assertThat(ringtap.output())
                .contains("filter: program 'admit' (section 'socket/filter')")
                .doesNotContain("RSS is not offered");
        assertThat(GuestFeature.RSS.in(guest.offeredFeatures())).isTrue();
        // Whatever queue it would take, it would be there before the last of the others.
        for (int i = 0; i < 20; i++) {
            send(23);
            send(24 + i);
        }
        for (int i = 0; i < 20; i++) assertThat(portOf(next())).isNotEqualTo(23);
        send(23);
        send(99);
        assertThat(portOf(next())).isEqualTo(99);
        assertThat(inbox).isEmpty();
        assertThat(ringtap.terminate()).isZero();
    }

    @Test
    void steeringAndFilterOfOneObject() throws Exception {
        start(
                "--steering",
                option("socket/steering"),
                "--filter",
                option("socket/filter"),
                "--map",
                "closed=" + file("closed", "23/be16 = 1\n"),
                "--map",
                "queues=" + file("queues", "23/be16 = 1\n24/be16 = 2"));
        send(23);
        send(24);
        var packet = next();
        assertThat(portOf(packet)).isEqualTo(24);
        assertThat(packet.queue()).isEqualTo(2);
        assertThat(inbox).isEmpty();
    }
}
