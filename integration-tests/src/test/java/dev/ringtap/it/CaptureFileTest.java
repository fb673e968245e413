// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.tap.plug.PcapReader;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.Frames;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of the capture files of {@code ringtap run} when something goes wrong. Needs no privilege. */
class CaptureFileTest {
    private static final int FAILED = 1;
    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final byte[] FRAME = Frames.ethernet(BROADCAST, BROADCAST, 0x88B6, new byte[50]);

    @TempDir
    private Path directory;

    private Path socket;

    @BeforeEach
    void nameSocket() {
        socket = directory.resolve("guest.sock");
    }

    private RingtapProcess start(String option, Path file) throws Exception {
        return RingtapProcess.start(List.of(), "run", "--socket", socket.toString(), option, file.toString());
    }

    private void assertRefused(String option, Path file, String reason) throws Exception {
        try (RingtapProcess process = start(option, file)) {
            int status = process.awaitExit();
            assertThat(process.output()).isEqualTo("ringtap: %s %s: %s%n".formatted(option, file, reason));
            assertThat(status).isEqualTo(FAILED);
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void fileThatCannotBeReadOrWrittenIsToldAtTheStartWithOptionAndReason() throws Exception {
        Path missing = directory.resolve("x.pcap");
        Path nowhere = directory.resolve("nope/x.pcap");
        Path text = Files.writeString(directory.resolve("text"), "precious frames, 24 bytes or more");
        assertRefused("--pcap-in", missing, "cannot be read: there is no such file");
        assertRefused("--pcap-in", directory, "cannot be read: is a directory");
        assertRefused("--pcap-in", text, "cannot be read: not a capture file");
        assertRefused("--pcap-out", nowhere, "cannot be written: there is no directory " + directory.resolve("nope"));
        assertRefused("--pcap-out", directory, "cannot be written: is a directory");
        assertRefused("--pcap-out", Path.of("/dev/full"), "cannot be written: no space left on device");
    }

    @Test
    @Timeout(120)
    void framesOfAKilledRunAreInTheFile() throws Exception {
        Path file = directory.resolve("out.pcap");
        try (RingtapProcess process = start("--pcap-out", file)) {
            process.awaitSocket(socket);
            sendFrame();
            while (Files.size(file) < FRAME.length) {
                assertThat(process.isRunning()).as(process.output()).isTrue();
                Thread.sleep(20);
            }
            process.kill();
        }
        try (PcapReader reader = PcapReader.open(file)) {
            assertThat(reader.next()).isTrue();
            assertThat(Arrays.copyOf(reader.data(), reader.lengthBytes())).isEqualTo(FRAME);
        }
    }

    @Test
    void framesThatCouldNotBeWrittenAreToldAtOnceAndByTheExitCode() throws Exception {
        Path fifo = directory.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        try (RingtapProcess process = start("--pcap-out", fifo)) {
            try (InputStream reader = Files.newInputStream(fifo)) {
                assertThat(reader.readNBytes(24)).as("a header from the start").hasSize(24);
                process.awaitSocket(socket);
            }
            // Nobody reads any more: writing fails as it does on a full disk.
            sendFrame();
            process.awaitOutput("--pcap-out " + fifo + ": cannot be written: broken pipe");
            assertThat(process.terminate()).as(process.output()).isEqualTo(FAILED);
            assertThat(process.output().lines())
                    .filteredOn(line -> line.contains("broken pipe"))
                    .hasSize(1);
        }
    }

    private void sendFrame() throws Exception {
        try (FakeGuest guest = FakeGuest.builder(socket).queuePairs(1).connect()) {
            guest.channel().writeAndFlush(TransmitPacket.plain(0, FRAME)).sync();
        }
    }
}
