// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Objects that no compiler writes, built from what the specifications of ELF and BTF say, not from the reader's constants. */
public final class ElfBuilder {
    private static final int PROGBITS = 1;
    private static final int SYMTAB = 2;
    private static final int STRTAB = 3;
    private static final int REL = 9;
    private static final int ALLOC_AND_EXECUTE = 6;
    private static final int GLOBAL_FUNCTION = 0x12;
    private static final int GLOBAL_OBJECT = 0x11;

    private record Section(String name, int type, long flags, byte[] data, int link, int info) {}

    private final List<Section> sections = new ArrayList<>();
    private final Names names = new Names();
    private final ByteArrayOutputStream symbols = new ByteArrayOutputStream();
    private int symbolCount;

    public ElfBuilder() {
        sections.add(new Section("", 0, 0, new byte[0], 0, 0));
        symbol("", 0, 0, 0, 0);
        section("license", "GPL\0".getBytes(StandardCharsets.US_ASCII));
    }

    static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** @return its number */
    public int section(String name, byte[] data) {
        sections.add(new Section(name, PROGBITS, 0, data, 0, 0));
        return sections.size() - 1;
    }

    /** @return its number */
    public int code(String name, byte[] instructions) {
        sections.add(new Section(name, PROGBITS, ALLOC_AND_EXECUTE, instructions, 0, 0));
        return sections.size() - 1;
    }

    /** @return its number */
    public int function(String name, int section, int offset, int size) {
        return symbol(name, GLOBAL_FUNCTION, section, offset, size);
    }

    /** @return its number */
    public int map(String name, int section, int offset) {
        return symbol(name, GLOBAL_OBJECT, section, offset, 8);
    }

    /** Calls of a section that the loader fills in: the offset of each, and the symbol that is called. */
    public void calls(int section, Map<Integer, Integer> symbolAt) {
        var data = littleEndian(16 * symbolAt.size());
        symbolAt.forEach((offset, symbol) -> data.putLong(offset).putLong((long) symbol << 32 | 10));
        sections.add(new Section(".rel" + sections.get(section).name, REL, 0, data.array(), -1, section));
    }

    private int symbol(String name, int info, int section, long value, long size) {
        var entry = littleEndian(24).putInt(names.offset(name)).put((byte) info).put((byte) 0);
        symbols.writeBytes(
                entry.putShort((short) section).putLong(value).putLong(size).array());
        return symbolCount++;
    }

    public byte[] build() {
        var all = new ArrayList<>(sections);
        int symbolTable = all.size();
        int stringTable = symbolTable + 1;
        all.add(new Section(".symtab", SYMTAB, 0, symbols.toByteArray(), stringTable, 1));
        for (var section : all) names.offset(section.name);
        names.offset(".strtab");
        all.add(new Section(".strtab", STRTAB, 0, names.bytes(), 0, 0));
        int bytes = 64;
        for (var section : all) bytes += section.data.length + 64;
        var file = littleEndian(bytes);
        file.putInt(0x464C457F).put((byte) 2).put((byte) 1).put((byte) 1);
        file.putShort(16, (short) 1).putShort(18, (short) 247).putInt(20, 1);
        file.position(64);
        int[] offsets = new int[all.size()];
        for (int i = 0; i < offsets.length; i++) {
            offsets[i] = file.position();
            file.put(all.get(i).data);
        }
        file.putLong(40, file.position());
        file.putShort(52, (short) 64).putShort(58, (short) 64).putShort(60, (short) all.size());
        file.putShort(62, (short) stringTable);
        for (int i = 0; i < offsets.length; i++) {
            var section = all.get(i);
            file.putInt(names.offset(section.name)).putInt(section.type).putLong(section.flags);
            file.putLong(0).putLong(offsets[i]).putLong(section.data.length);
            file.putInt(section.type == REL ? symbolTable : section.link).putInt(section.info);
            file.putLong(1).putLong(section.type == SYMTAB ? 24 : section.type == REL ? 16 : 0);
        }
        return file.array();
    }

    private static final class Names {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final Map<String, Integer> offsets = new LinkedHashMap<>();

        int offset(String name) {
            return offsets.computeIfAbsent(name, added -> {
                int offset = bytes.size();
                bytes.writeBytes(added.getBytes(StandardCharsets.UTF_8));
                bytes.write(0);
                return offset;
            });
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }
    }

    /** Section {@code .BTF}: types, numbered from 1. */
    public static final class Btf {
        private static final int INT = 1;
        private static final int PTR = 2;
        private static final int ARRAY = 3;
        private static final int STRUCT = 4;
        private static final int VAR = 14;
        private static final int DATASEC = 15;

        private final Names names = new Names();
        private final ByteArrayOutputStream types = new ByteArrayOutputStream();
        private final int integer;
        private int count;

        public Btf() {
            names.offset("");
            integer = type("int", INT, 0, 4, 32);
        }

        int nameOffset(String name) {
            return names.offset(name);
        }

        private int type(String name, int kind, int members, int sizeOrType, int... more) {
            var bytes = littleEndian(12 + 4 * more.length);
            bytes.putInt(names.offset(name)).putInt(kind << 24 | members).putInt(sizeOrType);
            for (int word : more) bytes.putInt(word);
            types.writeBytes(bytes.array());
            return ++count;
        }

        private int array(int length) {
            return type("", ARRAY, 0, 0, integer, integer, length);
        }

        /** What {@code __uint(member, number)} declares. */
        public int number(int number) {
            return type("", PTR, 0, array(number));
        }

        /** What {@code __type(member, char[bytes])} declares; a multiple of 4. */
        public int pointerTo(int bytes) {
            return type("", PTR, 0, array(bytes / 4));
        }

        /** @param members names and types, in turn */
        public int struct(Object... members) {
            int[] more = new int[members.length / 2 * 3];
            for (int i = 0; i < members.length / 2; i++) {
                more[3 * i] = names.offset((String) members[2 * i]);
                more[3 * i + 1] = (int) members[2 * i + 1];
                more[3 * i + 2] = 64 * i;
            }
            return type("", STRUCT, members.length / 2, 4 * members.length, more);
        }

        /** @param structs the maps' types, by their names */
        public void maps(Map<String, Integer> structs) {
            var variables = new ArrayList<Integer>();
            structs.forEach((name, struct) -> variables.add(type(name, VAR, 0, struct, 1)));
            int[] more = new int[3 * variables.size()];
            for (int i = 0; i < variables.size(); i++) {
                more[3 * i] = variables.get(i);
                more[3 * i + 1] = 8 * i;
                more[3 * i + 2] = 8;
            }
            type(".maps", DATASEC, variables.size(), 8 * variables.size(), more);
        }

        public byte[] bytes() {
            byte[] written = types.toByteArray();
            byte[] strings = names.bytes();
            var section = littleEndian(24 + written.length + strings.length);
            section.putShort((short) 0xEB9F).put((byte) 1).put((byte) 0).putInt(24);
            section.putInt(0).putInt(written.length).putInt(written.length).putInt(strings.length);
            return section.put(written).put(strings).array();
        }
    }
}
