// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.guest.traffic.Frames;
import dev.ringtap.linux.posix.Errno;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmulatedRunTapTest {
    private static final int QUEUES = 4;
    private static final byte[] GUEST_MAC = {2, 0, 0, 0, 0, 2};

    @TempDir
    Path directory;

    @Test
    void programsOfTheUsersOwnSteerAndFilterWithTheirMapsFilled() throws Exception {
        Path queues = Files.writeString(directory.resolve("queues"), "9/be16 = 3\n53/be16 = 2\n");
        Path closed = Files.writeString(directory.resolve("closed"), "53/be16 = 1\n");
        try (EmulatedRunTap made = open(programs("steer", "admit", Map.of("queues", queues, "closed", closed)))) {
            assertThat(made.lines())
                    .anyMatch(line -> line.startsWith("hashes: steering by program 'steer'"))
                    .anyMatch(line -> line.startsWith("filter: program 'admit'"));
            assertThat(made.steering().rssUnavailable()).contains("chooses the queue");
            made.steering().automatic(QUEUES, null, false);
            EmulatedTap tap = (EmulatedTap) made.port();
            assertThat(queue(tap, 9)).isEqualTo(3);
            assertThat(queue(tap, 53)).isEqualTo(2);
            assertThat(queue(tap, 80)).as("not in the map").isZero();
            assertThat(tap.host().send(datagram(9))).isZero();
            assertThat(tap.host().send(datagram(53))).as("filtered").isEqualTo(-Errno.ENOBUFS);

            made.steering().holdAtQueueZero();
            assertThat(queue(tap, 9)).as("held").isZero();
        }
    }

    @Test
    void aFilterAloneLeavesRssToTheGuest() throws Exception {
        Path closed = Files.writeString(directory.resolve("closed"), "53/be16 = 1\n");
        try (EmulatedRunTap made = open(programs(null, "admit", Map.of("closed", closed)))) {
            assertThat(made.steering().rssUnavailable()).isNull();
            EmulatedTap tap = (EmulatedTap) made.port();
            assertThat(tap.host().send(datagram(9))).isZero();
            assertThat(tap.host().send(datagram(53))).isEqualTo(-Errno.ENOBUFS);
        }
    }

    @Test
    void theHostBehindItAnswersAtItsAddresses() throws Exception {
        HostAddress address = new HostAddress(InetAddress.getByName("10.9.0.1"), 24);
        EmulatedTap.Options options = EmulatedTap.Options.of("emulated0", 1);
        TapPrograms none = TapPrograms.read(null, Set.of(ProgramType.SOCKET_FILTER), null, Map.of());
        try (EmulatedRunTap made =
                EmulatedRunTap.open(options, List.of(address), HashSourceChoice.AUTO, none, null, null)) {
            assertThat(made.lines()).anyMatch(line -> line.contains("answers ARP") && line.endsWith("10.9.0.1"));
        }
    }

    private static EmulatedRunTap open(TapPrograms programs) throws IOException {
        EmulatedTap.Options options = EmulatedTap.Options.of("emulated0", QUEUES);
        return EmulatedRunTap.open(options, List.of(), HashSourceChoice.AUTO, programs, null, null);
    }

    private TapPrograms programs(String steering, String filter, Map<String, Path> maps) throws IOException {
        Path file = directory.resolve("by_port.bpf.o");
        try (var object =
                EmulatedRunTapTest.class.getResourceAsStream("/dev/ringtap/linux/bpf/objects/by_port.bpf.o")) {
            Files.write(file, object.readAllBytes());
        }
        return TapPrograms.read(
                steering == null ? null : file + ":" + steering,
                Set.of(ProgramType.SOCKET_FILTER),
                filter == null ? null : file + ":" + filter,
                maps);
    }

    private static int queue(EmulatedTap tap, int port) {
        byte[] frame = datagram(port);
        return tap.chooseQueue(frame, 0, frame.length, new FrameInfo());
    }

    private static byte[] datagram(int port) {
        byte[] source = {10, 9, 0, 1};
        byte[] destination = {10, 9, 0, 2};
        byte[] datagram = Frames.udp(
                source, destination, 1000, port, ByteBuffer.allocate(20).array());
        byte[] packet = Frames.ipv4(source, destination, Frames.PROTOCOL_UDP, datagram);
        return Frames.ethernet(GUEST_MAC, GUEST_MAC, Frames.ETHERTYPE_IPV4, packet);
    }
}
