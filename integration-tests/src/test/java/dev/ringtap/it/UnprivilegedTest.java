// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.linux.posix.Privileges;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code ringtap} without a capability and without {@code /dev/net/tun}. A tester who has either gives it up for the
 * command; one who has neither runs it as he is.
 */
class UnprivilegedTest {
    private static final int USAGE = 2;
    private static final int FAILED = 1;

    /** Hides the device in a mount namespace of the command's, then drops every capability. */
    private static final List<String> STRIPPED = List.of(
            "unshare",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs none /dev/net && exec setpriv --bounding-set -all --inh-caps -all \"$@\"",
            "sh");

    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final byte[] HOST = {10, 9, 0, 1};
    private static final byte[] GUEST = {10, 9, 0, 2};
    private static final int PATIENCE_S = 20;

    @TempDir
    Path directory;

    @Test
    void verifyTakesTheEmulatedTapSaysWhyAndPasses() throws Exception {
        String output = assertEnds(0, "verify", "--flows", "100", "--seed", "1");
        assertThat(output)
                .contains("emulated TAP: verify lacks", "CAP_NET_ADMIN (to make a TAP)", "CAP_BPF")
                .contains("TAP: emulated; steering program run by ebpf-vm", "Emulated are the TAP", "\n0 mismatches, ");
    }

    @Test
    void verifyTellsMachinesToo() throws Exception {
        String output = assertEnds(0, "verify", "--flows", "100", "--json", "--hash-source", "kfunc");
        assertThat(output).contains("\"tap\" : \"emulated\"", "\"tapReason\" : \"--hash-source kfunc\"");
    }

    @Test
    void verifyFindsABrokenKey() throws Exception {
        assertThat(assertEnds(FAILED, "verify", "--flows", "100", "--break-key"))
                .contains("What went wrong:", "expected");
    }

    @Test
    void verifyInsistingOnTheKernelsTapSaysWhatIsMissing() throws Exception {
        assertThat(assertEnds(FAILED, "verify", "--tap", "kernel"))
                .contains("verify lacks CAP_NET_ADMIN (to make a TAP)", "sudo", "--tap emulated");
        assertThat(assertEnds(FAILED, "verify", "--hash-source", "ebpf")).contains("verify lacks CAP_NET_ADMIN");
    }

    @Test
    void aHashSourceThatTheTapCannotHaveIsWrongUsage() throws Exception {
        assertThat(assertEnds(USAGE, "verify", "--tap", "emulated", "--hash-source", "ebpf"))
                .contains("--hash-source ebpf: not with --tap emulated, only with --tap kernel");
    }

    @Test
    void runServesTheEmulatedTapWhoseHostAnswers() throws Exception {
        Path socket = directory.resolve("guest.sock");
        try (RingtapProcess process = start("run", "--socket", socket.toString(), "--address", "10.9.0.1/24")) {
            process.awaitSocket(socket);
            process.awaitOutput("Stop with Ctrl-C.");
            assertThat(process.output())
                    .contains("emulated TAP: run lacks CAP_NET_ADMIN (to make a TAP)", "pings at 10.9.0.1");
            BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
            try (FakeGuest guest = guest(socket, received)) {
                byte[] request = Frames.arpRequest(guest.mac(), GUEST, HOST);
                send(guest, Frames.ethernet(BROADCAST, guest.mac(), Frames.ETHERTYPE_ARP, request));
                byte[] reply = received.poll(PATIENCE_S, TimeUnit.SECONDS);
                assertThat(reply).as("ARP reply").isNotNull();
                byte[] hostMac = Arrays.copyOfRange(reply, 22, 28);
                assertThat(process.output()).contains(macText(hostMac));

                byte[] ping = Frames.icmpEcho(8, 1, 1, new byte[56]);
                byte[] packet = Frames.ipv4(GUEST, HOST, Frames.PROTOCOL_ICMP, ping);
                send(guest, Frames.ethernet(hostMac, guest.mac(), Frames.ETHERTYPE_IPV4, packet));
                byte[] pong = received.poll(PATIENCE_S, TimeUnit.SECONDS);
                assertThat(pong).as("echo reply").isNotNull().hasSize(14 + packet.length);
                assertThat(Arrays.copyOfRange(pong, 26, 30)).isEqualTo(HOST);
                assertThat(pong[34]).as("type").isZero();
            }
            assertThat(process.terminate()).isZero();
            assertThat(process.output()).contains("stopped: ");
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void aSecondGuestIsToldThatTheFirstIsInItsPlace() throws Exception {
        Path socket = directory.resolve("guest.sock");
        try (RingtapProcess process = start("run", "--socket", socket.toString())) {
            process.awaitSocket(socket);
            try (FakeGuest first = guest(socket, new LinkedBlockingQueue<>())) {
                assertThat(assertEnds(FAILED, "guest", "--socket", socket.toString()))
                        .contains("is another front-end connected to " + socket + "? A back-end serves one at a time");
                assertThat(first.channel().isActive()).isTrue();
            }
            assertThat(process.terminate()).isZero();
        }
    }

    @Test
    void runSendsTheFramesOfOneCaptureFileAndWritesAnother() throws Exception {
        Path socket = directory.resolve("guest.sock");
        Path in = directory.resolve("in.pcap");
        Path out = directory.resolve("out.pcap");
        byte[] first = Frames.ethernet(BROADCAST, BROADCAST, 0x88B6, new byte[] {1, 2, 3});
        byte[] second = Frames.ethernet(BROADCAST, BROADCAST, 0x88B6, new byte[] {4, 5, 6, 7});
        Files.write(in, pcap(first, second));
        try (RingtapProcess process =
                start("run", "--socket", socket.toString(), "--pcap-in", in.toString(), "--pcap-out", out.toString())) {
            process.awaitSocket(socket);
            BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
            try (FakeGuest guest = guest(socket, received)) {
                assertThat(received.poll(PATIENCE_S, TimeUnit.SECONDS)).isEqualTo(first);
                assertThat(received.poll(PATIENCE_S, TimeUnit.SECONDS)).isEqualTo(second);
                assertThat(guest.channel().isActive()).isTrue();
            }
            assertThat(process.terminate()).isZero();
            assertThat(process.output()).contains("emulated TAP: --pcap-in", "frames to " + out);
        }
        byte[] written = Files.readAllBytes(out);
        assertThat(HexFormat.of().formatHex(written))
                .contains(HexFormat.of().formatHex(first))
                .contains(HexFormat.of().formatHex(second));
    }

    @Test
    void aCaptureFileThatIsNoneIsToldBeforeAGuestComes() throws Exception {
        Path in = Files.writeString(directory.resolve("in.pcap"), "precious");
        Path socket = directory.resolve("guest.sock");
        assertThat(assertEnds(FAILED, "run", "--socket", socket.toString(), "--pcap-in", in.toString()))
                .contains(in.toString());
        assertThat(socket).doesNotExist();
    }

    /** A capture file of Ethernet frames, times of microseconds, as libpcap's file format has it. */
    private static byte[] pcap(byte[]... frames) {
        ByteBuffer file = ByteBuffer.allocate(1_000).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0xA1B2C3D4).putShort((short) 2).putShort((short) 4).putLong(0);
        file.putInt(65_535).putInt(1);
        for (byte[] frame : frames) {
            file.putLong(0).putInt(frame.length).putInt(frame.length).put(frame);
        }
        return Arrays.copyOf(file.array(), file.position());
    }

    private static FakeGuest guest(Path socket, BlockingQueue<byte[]> received) throws IOException {
        return FakeGuest.builder(socket)
                .queuePairs(2)
                .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                        received.add(packet.frame());
                    }
                }))
                .connect();
    }

    private static void send(FakeGuest guest, byte[] frame) {
        guest.channel().writeAndFlush(TransmitPacket.plain(0, frame));
    }

    private static String macText(byte[] mac) {
        return HexFormat.ofDelimiter(":").formatHex(mac);
    }

    private static RingtapProcess start(String... arguments) throws Exception {
        return RingtapProcess.start(mayMount() ? STRIPPED : List.of(), arguments);
    }

    private static boolean mayMount() throws IOException {
        return Privileges.current().has(Privileges.CAP_SYS_ADMIN);
    }

    /** Runs to the end; what it printed, which is for people: no stack trace. */
    private static String assertEnds(int status, String... arguments) throws Exception {
        try (RingtapProcess process = start(arguments)) {
            int ended = process.awaitExit();
            String output = process.output();
            assertThat(ended).as(output).isEqualTo(status);
            assertThat(output.lines()).noneMatch(line -> line.startsWith("\tat "));
            return output;
        }
    }
}
