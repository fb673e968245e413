// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.ByteBuffer;

/**
 * Section {@code .BTF.ext}: what is known of single instructions, in several tables of records, each table in parts by the
 * section that the instructions are in. Names in it are those of section {@code .BTF}.
 */
final class BtfExtension {
    /** A table: where the header says its place and size, and the least bytes of a record. */
    enum Table {
        LINES(16, 16),
        CORE_RELOCATIONS(24, 16);

        private final int headerOffset;
        private final int recordBytes;

        Table(int headerOffset, int recordBytes) {
            this.headerOffset = headerOffset;
            this.recordBytes = recordBytes;
        }
    }

    /** Takes one record. */
    interface Reader {
        /** @param at where in {@code data} the record begins; its least bytes are there */
        void read(String section, ByteBuffer data, int at) throws BpfException;
    }

    private static final int MAGIC = 0xEB9F;

    private final ElfFile elf;
    private final BtfTypes types;
    private final ElfFile.Section section;

    /** @param types null if the object has none; then it has no records either */
    BtfExtension(ElfFile elf, BtfTypes types) throws BpfException {
        this.elf = elf;
        this.types = types;
        section = types == null ? null : elf.section(".BTF.ext");
    }

    void read(Table table, Reader reader) throws BpfException {
        if (section == null) return;
        var data = section.data();
        if (data.limit() < 8 || Short.toUnsignedInt(data.getShort(0)) != MAGIC)
            throw fault("is no addition to type information");
        long header = u32(data, 4);
        if (header > data.limit()) throw fault("its header is cut off");
        if (header < table.headerOffset + 8) return; // from before there was this table
        long at = header + u32(data, table.headerOffset);
        long end = at + u32(data, table.headerOffset + 4);
        if (end > data.limit()) throw fault("a table lies outside the section");
        if (at == end) return;
        if (end - at < 4) throw fault("a table is cut off");
        long recordBytes = u32(data, (int) at);
        if (recordBytes < table.recordBytes) throw fault("a table has records of " + recordBytes + " bytes");
        at += 4;
        while (at < end) {
            if (end - at < 8) throw fault("a table is cut off");
            String of = types.name(data.getInt((int) at));
            long count = u32(data, (int) at + 4);
            at += 8;
            if (count > (end - at) / recordBytes) throw fault("a table is cut off");
            for (; count > 0; count--, at += recordBytes) reader.read(of, data, (int) at);
        }
    }

    private static long u32(ByteBuffer data, int at) {
        return Integer.toUnsignedLong(data.getInt(at));
    }

    private BpfException fault(String what) {
        return elf.fault(section + ": " + what);
    }
}
