// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PcapFileTest {
    // Little-endian, microseconds: 1 s 2 us, 3 of 5 bytes.
    private static final String MICROS =
            "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000" + "01000000 02000000 03000000 05000000 aabbcc";

    // Big-endian, nanoseconds: 1 s 2 ns, 3 of 3 bytes.
    private static final String NANOS_BIG_ENDIAN =
            "a1b23c4d 0002 0004 00000000 00000000 00040000 00000001" + "00000001 00000002 00000003 00000003 aabbcc";

    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void name() {
        file = directory.resolve("frames.pcap");
    }

    private void write(String hex) throws IOException {
        Files.write(file, HexFormat.of().parseHex(hex.replace(" ", "")));
    }

    @Test
    void readsMicrosecondsInLittleEndianOrder() throws IOException {
        write(MICROS);
        try (var reader = PcapReader.open(file)) {
            assertThat(reader.next()).isTrue();
            assertThat(reader.timeNs()).isEqualTo(1_000_002_000L);
            assertThat(reader.originalBytes()).isEqualTo(5);
            assertThat(Arrays.copyOf(reader.data(), reader.lengthBytes()))
                    .isEqualTo(new byte[] {(byte) 0xAA, (byte) 0xBB, (byte) 0xCC});
            assertThat(reader.next()).isFalse();
        }
    }

    @Test
    void readsNanosecondsInBigEndianOrder() throws IOException {
        write(NANOS_BIG_ENDIAN);
        try (var reader = PcapReader.open(file)) {
            assertThat(reader.next()).isTrue();
            assertThat(reader.timeNs()).isEqualTo(1_000_000_002L);
            assertThat(reader.originalBytes()).isEqualTo(3);
        }
    }

    @Test
    void writesWhatOthersRead() throws IOException {
        try (var writer = PcapWriter.create(file)) {
            writer.write(1_000_000_002L, new byte[] {0, (byte) 0xAA, (byte) 0xBB, (byte) 0xCC, 0}, 1, 3);
        }
        String expected =
                "4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000" + "01000000 02000000 03000000 03000000 aabbcc";
        assertThat(HexFormat.of().formatHex(Files.readAllBytes(file))).isEqualTo(expected.replace(" ", ""));
    }

    @Test
    void saysWhatIsWrongWithAFile() throws IOException {
        write("0a0d0d0a" + "00".repeat(24));
        assertThatThrownBy(() -> PcapReader.open(file)).hasMessageContaining("pcapng");
        write("00".repeat(24));
        assertThatThrownBy(() -> PcapReader.open(file)).hasMessageContaining("not a capture file");
        write("d4c3b2a1");
        assertThatThrownBy(() -> PcapReader.open(file)).hasMessageContaining("too short");
        write(MICROS.replace("00000400 01000000", "00000400 71000000"));
        assertThatThrownBy(() -> PcapReader.open(file)).hasMessageContaining("link type 113");
    }

    @Test
    void damagedFrameEndsTheReading() throws IOException {
        write(MICROS.substring(0, MICROS.length() - 2));
        try (var reader = PcapReader.open(file)) {
            assertThatThrownBy(reader::next).hasMessageContaining("ends within a frame");
        }
        write(MICROS + "01");
        try (var reader = PcapReader.open(file)) {
            reader.next();
            assertThatThrownBy(reader::next).hasMessageContaining("within the header");
        }
        write(MICROS.replace("03000000 05000000", "ffffffff 05000000"));
        try (var reader = PcapReader.open(file)) {
            assertThatThrownBy(reader::next).hasMessageContaining("a frame of 4294967295 bytes");
        }
    }
}
