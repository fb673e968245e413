// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.ebpf.object.BpfException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeerDescriptionTest {
    @TempDir
    private Path directory;

    @Test
    void placeholdersBecomeWhatIsMeasured() throws IOException {
        var description = read("""
                program = steer
                reads = headers
                map.settings.0 = 1/u8 {types}/u16 {entries}/u16 {mask}/u16 {unclassified}/u16
                map.key.0 = {window:0}/u32 {key:4-39}
                map.key.1 = {key}
                map.table.* = {queue}/u16
                map.tables.7 = {queues16}
                """);
        String key = HexFormat.of().formatHex(SampleRss.key());
        assertThat(description.program()).isEqualTo("steer");
        assertThat(description.reads()).isEqualTo(PeerDescription.Reads.HEADERS);
        assertThat(description.lines().get("settings")).isEqualTo("0 = 1/u8 511/u16 128/u16 127/u16 200/u16\n");
        assertThat(description.lines().get("key").lines())
                .containsExactlyInAnyOrder("0 = " + 0x6D5A56DA + "/u32 hex:" + key.substring(8), "1 = hex:" + key);
        assertThat(description.lines().get("table").lines())
                .hasSize(SampleRss.TABLE_ENTRIES)
                .startsWith("0 = 0/u16", "1 = 1/u16")
                .endsWith("127 = 127/u16");
        assertThat(description.lines().get("tables"))
                .startsWith("7 = 0/u16 1/u16 ")
                .endsWith(" 127/u16\n");
    }

    @Test
    void mistakesAreNamed() {
        refused("reads = data\n", "'program' is missing");
        refused("program = a\n", "'reads' is missing");
        refused("program = a\nreads = both\n", "'reads' is 'both': must be 'data' or 'headers'");
        refused("program = a\nreads = data\nmaps.x.0 = 1\n", "'maps.x.0'");
        refused("program = a\nreads = data\nmap.x = 1\n", "'map.x'");
        refused("program = a\nreads = data\nmap.x.0 = {colour}\n", "'{colour}' is no placeholder");
        refused("program = a\nreads = data\nmap.x.0 = {key:4-40}\n", "'{key:4-40}' is no placeholder");
        refused("program = a\nreads = data\nmap.x.0 = {window:37}/u32\n", "'{window:37}' is no placeholder");
        refused("program = a\nreads = data\nmap.x.0 = {queue}\n", "only where the key is '*'");
        refused("program = a\nreads = data\nmap.x.0 = {Types}\n", "'{Types}' is no placeholder");
    }

    private void refused(String text, String reason) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(BpfException.class).hasMessageContaining(reason);
    }

    private PeerDescription read(String text) throws IOException {
        return PeerDescription.read(Files.writeString(directory.resolve("peer.properties"), text));
    }
}
