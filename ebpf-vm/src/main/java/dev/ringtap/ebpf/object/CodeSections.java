// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** The functions of an object and the relocations in them, by section and offset. */
final class CodeSections {
    static final String SUBPROGRAMS = ".text";
    private static final int INSTRUCTION_BYTES = 8;

    /** A function's bytes are {@code sizeBytes} from {@code offset} in its section. */
    record Function(ElfFile.Section section, ElfFile.Symbol symbol, int offset, int sizeBytes) {
        String name() {
            return symbol.name();
        }

        /** For messages. */
        String at(int byteOffset) {
            return section + ", " + symbol + ", offset " + (offset + byteOffset);
        }
    }

    /** The code of one section. */
    private record Code(NavigableMap<Long, Function> functions, NavigableMap<Long, ElfFile.Relocation> relocations) {}

    private final ElfFile elf;
    private final Map<Integer, Code> code = new HashMap<>();
    private final List<Function> functions = new ArrayList<>();

    CodeSections(ElfFile elf) throws BpfException {
        this.elf = elf;
        for (var section : elf.sections()) {
            if (section.executable() && section.data().limit() > 0) read(section);
        }
    }

    /** In the order of the file. */
    List<Function> functions() {
        return functions;
    }

    /** The function that begins there, or null. */
    Function functionAt(int section, long offset) {
        var found = code.get(section);
        return found == null ? null : found.functions.get(offset);
    }

    boolean isCode(int section) {
        return code.containsKey(section);
    }

    /** What is to be relocated in a function, by ascending offset in its section. */
    Collection<ElfFile.Relocation> relocationsOf(Function function) {
        return code.get(function.section.index())
                .relocations
                .subMap((long) function.offset, (long) function.offset + function.sizeBytes)
                .values();
    }

    private void read(ElfFile.Section section) throws BpfException {
        var found = new TreeMap<Long, Function>();
        long whole = section.data().limit();
        for (var symbol : elf.symbols()) {
            if (symbol.section() != section.index() || symbol.type() != ElfFile.STT_FUNC) continue;
            long start = symbol.value();
            long size = symbol.sizeBytes();
            if (start < 0
                    || size <= 0
                    || start > whole
                    || size > whole - start
                    || (start | size) % INSTRUCTION_BYTES != 0)
                throw elf.fault(section + ", " + symbol + ": offset " + start + " and size " + size
                        + " do not lie in the section's " + whole + " bytes of instructions");
            var function = new Function(section, symbol, (int) start, (int) size);
            if (found.put(start, function) != null) throw elf.fault(function.at(0) + ": another function begins here");
        }
        if (found.isEmpty()) throw elf.fault(section + ": has no function; are the object's local symbols stripped?");
        long used = 0;
        for (var function : found.values()) {
            if (function.offset != used)
                throw elf.fault(section + ": " + function.symbol + " begins at offset " + function.offset
                        + ", but the function before it ends at " + used);
            used += function.sizeBytes;
        }
        if (used != whole) throw elf.fault(section + ": " + whole + " bytes, but its functions have " + used);

        var relocations = new TreeMap<Long, ElfFile.Relocation>();
        for (var relocation : elf.relocationsOf(section)) {
            long offset = relocation.offset();
            if (offset < 0 || offset >= whole)
                throw elf.fault(section + ": relocation at offset " + offset + " is outside its functions");
            if (relocations.put(offset, relocation) != null)
                throw elf.fault(section + ": there are two relocations at offset " + offset);
        }
        code.put(section.index(), new Code(found, relocations));
        functions.addAll(found.values());
    }
}
