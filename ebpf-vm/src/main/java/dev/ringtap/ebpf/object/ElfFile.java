// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The parts of a relocatable ELF file for the BPF machine that a loader reads: sections, symbols and relocations. The
 * file may be anybody's: every offset is checked against the file before it is used, and what is wrong is said by
 * {@link BpfException} with the name of the section.
 */
final class ElfFile {
    static final int SHT_NOBITS = 8;
    static final int SHF_EXECINSTR = 4;
    static final int STT_OBJECT = 1;
    static final int STT_FUNC = 2;

    /** The kernel keeps 15 bytes of a name; compilers that decorate names write some hundred. */
    static final int NAME_BYTES_MAX = 1023;

    // A small file must not cost much memory: many symbols may share one long name.
    static final int SIZE_BYTES_MAX = 16 << 20;
    private static final int SYMBOLS_MAX = 1 << 16;
    private static final int RELOCATIONS_MAX = 1 << 16;
    private static final int SECTIONS_MAX = 1024;
    private static final int SHT_SYMTAB = 2;
    private static final int SHT_STRTAB = 3;
    private static final int SHT_RELA = 4;
    private static final int SHT_REL = 9;
    private static final int ET_REL = 1;
    private static final int EM_BPF = 247;
    private static final int HEADER_BYTES = 64;
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int RELOCATION_BYTES = 16;

    /** A section header; {@code data} is empty for a section without bytes in the file. */
    record Section(int index, String name, int type, long flags, long sizeBytes, int link, int info, ByteBuffer data) {
        boolean executable() {
            return (flags & SHF_EXECINSTR) != 0;
        }

        @Override
        public String toString() {
            return "section '" + name + "'";
        }
    }

    /** A symbol; {@code section} is 0 for one that is defined elsewhere, {@code local} for what C calls static. */
    record Symbol(int index, String name, int type, boolean local, int section, long value, long sizeBytes) {
        @Override
        public String toString() {
            return "symbol '" + name + "'";
        }
    }

    /** A relocation of another section's bytes; the addend stands in the bytes themselves. */
    record Relocation(long offset, int type, Symbol symbol) {}

    private final String file;
    private final ByteBuffer bytes;
    private final List<Section> sections = new ArrayList<>();
    private final List<Symbol> symbols = new ArrayList<>();
    private long relocationsRead;

    /** @param file what to call it in messages */
    ElfFile(String file, byte[] content) throws BpfException {
        this.file = file;
        bytes = ByteBuffer.wrap(content).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
        if (content.length > SIZE_BYTES_MAX)
            throw fault("is larger than " + SIZE_BYTES_MAX + " bytes: not an eBPF object");
        if (content.length < HEADER_BYTES || bytes.getInt(0) != 0x464C457F) throw fault("is not an ELF file");
        if (bytes.get(4) != 2) throw fault("is not a 64-bit ELF file");
        if (bytes.get(5) != 1 || ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN)
            throw fault("the object and this machine must both be little-endian (clang -target bpfel)");
        if (u16(16) != ET_REL) throw fault("is not a relocatable object (clang -c)");
        if (u16(18) != EM_BPF)
            throw fault("is for machine " + u16(18) + ", not for BPF (" + EM_BPF + "): clang -target bpf");
        readSections();
        readSymbols();
    }

    List<Section> sections() {
        return sections;
    }

    List<Symbol> symbols() {
        return symbols;
    }

    /** The only section of that name, or null. */
    Section section(String name) throws BpfException {
        Section found = null;
        for (var section : sections) {
            if (!section.name.equals(name)) continue;
            if (found != null) throw fault("has more than one " + section);
            found = section;
        }
        return found;
    }

    /** What is to be relocated in a section, in the order of the file. */
    List<Relocation> relocationsOf(Section target) throws BpfException {
        var found = new ArrayList<Relocation>();
        for (var section : sections) {
            if (section.info != target.index) continue;
            if (section.type == SHT_RELA) throw fault(section + ": relocations with an addend are not used for BPF");
            if (section.type != SHT_REL) continue;
            var data = section.data;
            if (data.limit() % RELOCATION_BYTES != 0)
                throw fault(section + ": " + data.limit() + " bytes are no whole number of relocations");
            // In all, since sections may share their bytes.
            relocationsRead += data.limit() / RELOCATION_BYTES;
            if (relocationsRead > RELOCATIONS_MAX)
                throw fault(section + ": there are more than " + RELOCATIONS_MAX + " relocations");
            for (int at = 0; at < data.limit(); at += RELOCATION_BYTES) {
                long info = data.getLong(at + 8);
                long symbol = info >>> 32;
                if (symbol >= symbols.size())
                    throw fault(section + ", offset " + at + ": there is no symbol " + symbol);
                found.add(new Relocation(data.getLong(at), (int) info, symbols.get((int) symbol)));
            }
        }
        return found;
    }

    BpfException fault(String what) {
        return new BpfException(file + ": " + what);
    }

    private void readSections() throws BpfException {
        long table = bytes.getLong(40);
        int entryBytes = u16(58);
        int count = u16(60);
        int namesIndex = u16(62);
        if (count == 0) throw fault("has no sections");
        if (count > SECTIONS_MAX) throw fault("has " + count + " sections, more than " + SECTIONS_MAX);
        if (entryBytes != SECTION_HEADER_BYTES) throw fault("has section headers of " + entryBytes + " bytes");
        if (outside(table, (long) count * entryBytes)) throw fault("the section headers lie outside the file");
        if (namesIndex >= count) throw fault("has no section that holds the sections' names");
        int namesHeader = (int) table + namesIndex * entryBytes;
        var names = contents("the sections' names", namesHeader);
        for (int i = 0; i < count; i++) {
            int at = (int) table + i * entryBytes;
            String name = text(names, u32(at), "the name of section " + i);
            int type = bytes.getInt(at + 4);
            long size = bytes.getLong(at + 32);
            // The first header is reserved, and a section of this type takes no room in the file.
            var data = i == 0 || type == SHT_NOBITS ? ByteBuffer.allocate(0) : contents("section '" + name + "'", at);
            sections.add(new Section(
                    i, name, type, bytes.getLong(at + 8), size, bytes.getInt(at + 40), bytes.getInt(at + 44), data));
        }
    }

    private void readSymbols() throws BpfException {
        Section table = null;
        for (var section : sections) {
            if (section.type != SHT_SYMTAB) continue;
            if (table != null) throw fault("has two symbol tables");
            table = section;
        }
        if (table == null) throw fault("has no symbol table");
        if (table.link < 0 || table.link >= sections.size() || sections.get(table.link).type != SHT_STRTAB)
            throw fault(table + ": has no table of names");
        var names = sections.get(table.link).data;
        if (table.data.limit() % SYMBOL_BYTES != 0)
            throw fault(table + ": " + table.data.limit() + " bytes are no whole number of symbols");
        if (table.data.limit() / SYMBOL_BYTES > SYMBOLS_MAX)
            throw fault(table + ": has more than " + SYMBOLS_MAX + " symbols");
        for (int at = 0; at < table.data.limit(); at += SYMBOL_BYTES) {
            int index = at / SYMBOL_BYTES;
            String name = text(names, Integer.toUnsignedLong(table.data.getInt(at)), "the name of symbol " + index);
            int section = Short.toUnsignedInt(table.data.getShort(at + 6));
            symbols.add(new Symbol(
                    index,
                    name,
                    table.data.get(at + 4) & 0xF,
                    (table.data.get(at + 4) & 0xF0) == 0,
                    section,
                    table.data.getLong(at + 8),
                    table.data.getLong(at + 16)));
        }
    }

    private ByteBuffer contents(String what, int header) throws BpfException {
        long offset = bytes.getLong(header + 24);
        long size = bytes.getLong(header + 32);
        if (outside(offset, size))
            throw fault(what + ": offset " + Long.toUnsignedString(offset) + " and size " + Long.toUnsignedString(size)
                    + " lie outside the file of " + bytes.limit() + " bytes");
        return bytes.slice((int) offset, (int) size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A zero-terminated text in a table of names. */
    private String text(ByteBuffer table, long offset, String what) throws BpfException {
        long last = Math.min(table.limit() - 1, offset + NAME_BYTES_MAX);
        for (long end = offset; end <= last; end++) {
            if (table.get((int) end) != 0) continue;
            byte[] name = new byte[(int) (end - offset)];
            table.get((int) offset, name);
            return new String(name, StandardCharsets.UTF_8);
        }
        throw fault(what + " is too long or lies outside the table of names, at offset " + offset);
    }

    private boolean outside(long offset, long size) {
        return offset < 0 || size < 0 || offset > bytes.limit() || size > bytes.limit() - offset;
    }

    private int u16(int at) {
        return Short.toUnsignedInt(bytes.getShort(at));
    }

    private long u32(int at) {
        return Integer.toUnsignedLong(bytes.getInt(at));
    }
}
