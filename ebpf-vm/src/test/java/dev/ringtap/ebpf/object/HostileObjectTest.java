// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A small file must cost little, whatever is in it. */
class HostileObjectTest {
    private static final long EXIT = 0x95;
    private static final long CALL_TO_RELOCATE = 0xFFFF_FFFF_0000_1085L;

    private static byte[] instructions(long... encoded) {
        var bytes = ElfBuilder.littleEndian(8 * encoded.length);
        for (long instruction : encoded) bytes.putLong(instruction);
        return bytes.array();
    }

    private static BpfObject parse(ElfBuilder elf) throws BpfException {
        return BpfObject.parse("hostile.bpf.o", elf.build());
    }

    private static BpfObject map(ElfBuilder.Btf btf, Object... members) throws BpfException {
        btf.maps(Map.of("table", btf.struct(members)));
        var elf = new ElfBuilder();
        elf.function("program", elf.code("socket", instructions(EXIT)), 0, 8);
        elf.map("table", elf.section(".maps", new byte[8]), 0);
        elf.section(".BTF", btf.bytes());
        return parse(elf);
    }

    @Test
    void mapThatSaysSomethingTwice() throws BpfException {
        var btf = new ElfBuilder.Btf();
        int type = btf.number(MapDefinition.ARRAY);
        int entries = btf.number(7);
        int key = btf.pointerTo(4);
        int value = btf.pointerTo(16);
        var object = map(btf, "type", type, "max_entries", entries, "key", key, "value", value);
        assertThat(object.maps().get("table"))
                .isEqualTo(new MapDefinition("table", MapDefinition.ARRAY, 4, 16, 7, 0, null));

        assertThatThrownBy(() ->
                        map(btf, "type", type, "max_entries", entries, "key", key, "value", value, "value", value))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("map 'table', member 'value': there are two of that name");
    }

    /** Programs that all call one function, which has many lines: they would have them once each. */
    @Test
    void linesOfSourceThatManyProgramsShare() throws BpfException {
        int lines = 4096;
        assertThat(parse(sharing(3, lines)).programs())
                .extracting(program -> program.sourceLines().size())
                .isEqualTo(List.of(lines, lines, lines));
        int tooMany = (1 << 18) / lines + 1;
        assertThatThrownBy(() -> parse(sharing(tooMany, lines)))
                .isInstanceOf(BpfException.class)
                .hasMessage(
                        "hostile.bpf.o: its programs have more than 262144 lines of source with all that they call");
    }

    private static ElfBuilder sharing(int programs, int lines) {
        long[] body = new long[lines];
        java.util.Arrays.fill(body, 0xB7);
        body[lines - 1] = EXIT;
        var elf = new ElfBuilder();
        int shared = elf.function("shared", elf.code(".text", instructions(body)), 0, 8 * lines);
        long[] calls = new long[2 * programs];
        for (int i = 0; i < programs; i++) {
            calls[2 * i] = CALL_TO_RELOCATE;
            calls[2 * i + 1] = EXIT;
        }
        int section = elf.code("socket", instructions(calls));
        var symbolAt = new LinkedHashMap<Integer, Integer>();
        for (int i = 0; i < programs; i++) {
            elf.function("program" + i, section, 16 * i, 16);
            symbolAt.put(16 * i, shared);
        }
        elf.calls(section, symbolAt);

        var btf = new ElfBuilder.Btf();
        // .BTF.ext: header, no function records, one part of line records.
        int tableBytes = 4 + 8 + 16 * lines;
        var extension = ElfBuilder.littleEndian(24 + tableBytes);
        extension.putShort((short) 0xEB9F).put((byte) 1).put((byte) 0).putInt(24);
        extension.putInt(0).putInt(0).putInt(0).putInt(tableBytes);
        extension.putInt(16).putInt(btf.nameOffset(".text")).putInt(lines);
        for (int i = 0; i < lines; i++)
            extension
                    .putInt(8 * i)
                    .putInt(btf.nameOffset("shared.c"))
                    .putInt(btf.nameOffset("x = 0;"))
                    .putInt(i << 10);
        elf.section(".BTF", btf.bytes());
        elf.section(".BTF.ext", extension.array());
        return elf;
    }
}
