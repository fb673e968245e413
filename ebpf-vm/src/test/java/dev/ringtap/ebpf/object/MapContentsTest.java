// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MapContentsTest {
    private static final MapDefinition TABLE = new MapDefinition("table", MapDefinition.ARRAY, 4, 4, 128, 0, null);
    private static final MapDefinition PORTS = new MapDefinition("ports", MapDefinition.HASH, 2, 8, 3, 0, null);

    @TempDir
    private Path directory;

    private Path file(String name, byte[] bytes) throws Exception {
        return Files.write(directory.resolve(name), bytes);
    }

    private List<String> read(MapDefinition map, String text) throws Exception {
        return MapContents.read(file("contents", text.getBytes(StandardCharsets.UTF_8)), map).stream()
                .map(entry -> hex(entry.key()) + "=" + hex(entry.value()))
                .toList();
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    private AbstractThrowableAssert<?, ?> refused(MapDefinition map, String text) throws Exception {
        var file = file("contents", text.getBytes(StandardCharsets.UTF_8));
        return assertThatThrownBy(() -> MapContents.read(file, map))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith(file + ": ");
    }

    @Test
    void entriesCommentsAndEmptyLines() throws Exception {
        assertThat(read(TABLE, "# queues\n\n 0 = 3\r\n127=0x10 # the last\n1 = 255\n"))
                .containsExactly("00000000=03000000", "7f000000=10000000", "01000000=ff000000");
    }

    @ParameterizedTest
    @CsvSource({
        "1, 0100000000000000",
        "-1, ffffffffffffffff",
        "0xfedcba9876543210, 1032547698badcfe",
        "1 2, 0100000002000000",
        "'1,2', 0100000002000000",
        "7/u64, 0700000000000000",
        "1/u8 2/u8 3/u16 -4/u32, 01020300fcffffff",
        "1/be16 2/be32 3/u16, 0001000000020300",
        "258/be64, 0000000000000102",
        "hex:00112233445566ff, 00112233445566ff",
        "hex:0011 5, 001105000000",
        "5 ..., 0500000000000000",
        "..., 0000000000000000"
    })
    void valueOfEightBytes(String text, String bytes) throws Exception {
        if (bytes.length() == 16) {
            assertThat(read(PORTS, "80/be16 = " + text)).containsExactly("0050=" + bytes);
        } else {
            refused(PORTS, "80/be16 = " + text).hasMessageContaining("has " + bytes.length() / 2 + " bytes, but");
        }
    }

    @Test
    void numberAloneIsAsWideAsTheKey() throws Exception {
        assertThat(read(PORTS, "80 = 0")).containsExactly("5000=0000000000000000");
        refused(PORTS, "65536 = 0").hasMessageContaining("line 1: key '65536' does not fit 2 bytes");
        refused(PORTS, "-32769 = 0").hasMessageContaining("does not fit 2 bytes");
    }

    @Test
    void wrongLines() throws Exception {
        refused(TABLE, "\n0 3").hasMessageEndingWith("line 2: '0 3' is not 'KEY = VALUE'");
        refused(TABLE, "0 = 1\n128 = 3")
                .hasMessageEndingWith("line 2: key 128: map 'table' (array, key 4 bytes, value 4 bytes, 128 entries)"
                        + " has the indexes 0 to 127");
        refused(TABLE, "0 = 1 2")
                .hasMessageEndingWith("line 1: value '1 2' has 8 bytes, but map 'table' (array, key 4 bytes, value 4"
                        + " bytes, 128 entries)");
        refused(TABLE, "0 = 4294967296").hasMessageContaining("value '4294967296' does not fit 4 bytes");
        refused(TABLE, "0 = queue1").hasMessageContaining("line 1: value 'queue1': is no number");
        refused(TABLE, "0 = hex:123").hasMessageContaining("pairs of hexadecimal digits");
        refused(TABLE, "0 =").hasMessageEndingWith("line 1: value is missing");
        refused(TABLE, " = 1").hasMessageEndingWith("line 1: key is missing");
        refused(TABLE, "5 = 1\n\n0x5 = 2").hasMessageEndingWith("line 3: line 1 has the same key");
        refused(TABLE, "# nothing\n").hasMessageContaining("has no entry");
        refused(PORTS, "1=1\n2=2\n3=3\n4=4").hasMessageContaining("line 4: one entry too many for map 'ports' (hash");
        refused(PORTS, "1 = 1 2 3 ...").hasMessageContaining("'...'");
    }

    @Test
    void valuesOneAfterTheOther() throws Exception {
        var file = file("table.bin", new byte[] {1, 0, 0, 0, 2, 3, 0, 0});
        assertThat(MapContents.read(file, TABLE))
                .extracting(entry -> hex(entry.key()) + "=" + hex(entry.value()))
                .containsExactly("00000000=01000000", "01000000=02030000");
        assertThatThrownBy(() -> MapContents.read(file, PORTS)).hasMessageContaining("holds the values of an array");
        var half = file("half.bin", new byte[6]);
        assertThatThrownBy(() -> MapContents.read(half, TABLE)).hasMessageContaining("6 bytes are no whole number");
        var large = file("large.bin", new byte[129 * 4]);
        assertThatThrownBy(() -> MapContents.read(large, TABLE)).hasMessageContaining("129 values are too many");
        var text = file("binary.txt", new byte[] {(byte) 0xFF, 0, 1});
        assertThatThrownBy(() -> MapContents.read(text, TABLE)).hasMessageContaining("no text in UTF-8");
    }

    @Test
    void mapThatHasNoSuchContents() throws Exception {
        refused(new MapDefinition("events", MapDefinition.RINGBUF, 0, 0, 4096, 0, null), "0 = 1")
                .hasMessageContaining("map 'events' (ringbuf")
                .hasMessageContaining("is not filled from a file");
        refused(new MapDefinition("outer", MapDefinition.ARRAY_OF_MAPS, 4, 4, 1, 0, TABLE), "0 = 1")
                .hasMessageContaining("is not filled from a file");
    }
}
