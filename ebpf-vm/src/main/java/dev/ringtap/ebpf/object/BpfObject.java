// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import dev.ringtap.ebpf.object.ProgramDefinition.MapReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * An object file as clang writes it, understood but not yet loaded: its programs, its maps, its license. What can be
 * used and what is refused is in {@code docs/bpf-loading.md}; nothing that is not understood is silently left out.
 */
public final class BpfObject {
    private static final int INSTRUCTION_BYTES = 8;
    // Relocations of the BPF machine: the two halves of a 64-bit constant, and the target of a call.
    private static final int R_BPF_64_64 = 1;
    private static final int R_BPF_64_32 = 10;
    private static final byte LOAD_64_BIT_CONSTANT = 0x18;
    private static final byte CALL = (byte) 0x85;
    private static final int PSEUDO_CALL = 1;

    private final String file;
    private final ElfFile elf;
    private final String license;
    private final Map<String, MapDefinition> maps;
    private final List<ProgramDefinition> programs = new ArrayList<>();

    private BpfObject(String file, byte[] content) throws BpfException {
        this.file = file;
        elf = new ElfFile(file, content);
        refuseGlobalVariables();
        license = readLicense();
        maps = readMaps();
        for (var section : elf.sections()) {
            if (section.executable() && section.data().limit() > 0) readPrograms(section);
        }
        if (programs.isEmpty()) throw elf.fault("holds no program");
    }

    /**
     * @param file what to call the object in messages
     * @throws BpfException if it is malformed or needs what is not supported
     */
    public static BpfObject parse(String file, byte[] content) throws BpfException {
        return new BpfObject(file, content);
    }

    public String file() {
        return file;
    }

    public String license() {
        return license;
    }

    /** By name, in the order of the file. */
    public Map<String, MapDefinition> maps() {
        return maps;
    }

    public List<ProgramDefinition> programs() {
        return programs;
    }

    private void refuseGlobalVariables() throws BpfException {
        for (var section : elf.sections()) {
            String name = section.name();
            if (name.equals("maps"))
                throw elf.fault(section + ": maps of the old kind (struct bpf_map_def); define them in '.maps'");
            boolean variables = name.startsWith(".rodata") || name.startsWith(".data") || name.startsWith(".bss");
            if (!variables || section.sizeBytes() == 0) continue;
            var first = elf.symbols().stream()
                    .filter(symbol -> symbol.section() == section.index() && symbol.type() == ElfFile.STT_OBJECT)
                    .findFirst();
            String what = first.isPresent() ? "variable '" + first.get().name() + "'" : "constant";
            throw elf.fault(section + ": global " + what + " is not supported; keep it in a map");
        }
    }

    private String readLicense() throws BpfException {
        var section = elf.section("license");
        if (section == null) throw elf.fault("has no section 'license'");
        var data = section.data();
        byte[] text = new byte[data.limit()];
        data.get(0, text);
        int end = 0;
        while (end < text.length && text[end] != 0) end++;
        if (end == text.length || end > 127) throw elf.fault(section + ": is no text of up to 127 bytes");
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }

    private Map<String, MapDefinition> readMaps() throws BpfException {
        var section = elf.section(".maps");
        if (section == null) return Map.of();
        if (!elf.relocationsOf(section).isEmpty())
            throw elf.fault(section + ": slots that are filled by an initializer are not supported");
        var btf = elf.section(".BTF");
        if (btf == null) throw elf.fault("has maps, but no section '.BTF' that describes them (clang -g)");
        return new BtfTypes(elf, btf).maps();
    }

    private void readPrograms(ElfFile.Section section) throws BpfException {
        var functions = elf.symbols().stream()
                .filter(symbol -> symbol.section() == section.index() && symbol.type() == ElfFile.STT_FUNC)
                .toList();
        if (section.name().equals(".text"))
            throw elf.fault(section + ": function "
                    + (functions.isEmpty() ? "" : "'" + functions.getFirst().name() + "' ")
                    + "is not part of a program; make it static and __always_inline");
        int type = programType(section);
        if (functions.isEmpty()) throw elf.fault(section + ": has no function");
        var relocations = elf.relocationsOf(section);
        long used = 0;
        for (var function : functions) {
            long start = function.value();
            long size = function.sizeBytes();
            long whole = section.data().limit();
            if (start < 0
                    || size <= 0
                    || start > whole
                    || size > whole - start
                    || (start | size) % INSTRUCTION_BYTES != 0)
                throw elf.fault(section + ", " + function + ": offset " + start + " and size " + size
                        + " do not lie in the section's " + whole + " bytes of instructions");
            programs.add(program(section, type, function, relocations));
            used += size;
        }
        for (var relocation : relocations) {
            if (functions.stream().noneMatch(function -> contains(function, relocation.offset())))
                throw elf.fault(
                        section + ": relocation at offset " + relocation.offset() + " is outside its functions");
        }
        if (used != section.data().limit())
            throw elf.fault(section + ": " + section.data().limit() + " bytes, but its functions have " + used);
    }

    private int programType(ElfFile.Section section) throws BpfException {
        String name = section.name();
        if (name.equals("socket") || name.startsWith("socket/")) return ProgramDefinition.SOCKET_FILTER;
        if (name.equals("tc") || name.startsWith("tc/")) return ProgramDefinition.SCHED_CLS;
        throw elf.fault(section + ": programs of this type are not supported, only 'socket' and 'tc'");
    }

    private ProgramDefinition program(
            ElfFile.Section section, int type, ElfFile.Symbol function, List<ElfFile.Relocation> relocations)
            throws BpfException {
        byte[] code = new byte[(int) function.sizeBytes()];
        section.data().get((int) function.value(), code);
        var references = new ArrayList<MapReference>();
        for (var relocation : relocations) {
            if (!contains(function, relocation.offset())) continue;
            references.add(mapReference(section, code, (int) (relocation.offset() - function.value()), relocation));
        }
        for (int at = 0; at < code.length; at += INSTRUCTION_BYTES) {
            if (code[at] == CALL && (code[at + 1] & 0xFF) >>> 4 == PSEUDO_CALL)
                throw elf.fault(section + ", " + function + ", offset " + at
                        + ": calls a function of the object; make it static and __always_inline");
            // Its second half is no instruction.
            if (code[at] == LOAD_64_BIT_CONSTANT) at += INSTRUCTION_BYTES;
        }
        return new ProgramDefinition(function.name(), section.name(), type, code, List.copyOf(references));
    }

    private MapReference mapReference(ElfFile.Section section, byte[] code, int at, ElfFile.Relocation relocation)
            throws BpfException {
        var symbol = relocation.symbol();
        String where = section + ", offset " + relocation.offset();
        if (symbol.section() == 0)
            throw elf.fault(where + ": '" + symbol.name() + "' is defined nowhere; externs are not supported");
        if (relocation.type() == R_BPF_64_32)
            throw elf.fault(where + ": calls '" + symbol.name() + "'; make it static and __always_inline");
        if (relocation.type() != R_BPF_64_64)
            throw elf.fault(where + ": relocation of type " + relocation.type() + " is not supported");
        if (at % INSTRUCTION_BYTES != 0
                || at > code.length - 2 * INSTRUCTION_BYTES
                || code[at] != LOAD_64_BIT_CONSTANT
                || (code[at + 1] & 0xF0) != 0)
            throw elf.fault(where + ": what is relocated is not a load of a 64-bit constant");
        var maps = elf.section(".maps");
        if (maps == null || symbol.section() != maps.index())
            throw elf.fault(where + ": refers to " + symbol + ", which is no map");
        // The instruction's constant is the addend: 0, unless the symbol is the section's and all maps are static.
        int addend = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN).getInt(at + 4);
        long offset = symbol.value() + addend;
        for (var candidate : elf.symbols()) {
            if (candidate.section() == maps.index()
                    && candidate.type() == ElfFile.STT_OBJECT
                    && candidate.value() == offset
                    && this.maps.containsKey(candidate.name())) return new MapReference(at, candidate.name());
        }
        throw elf.fault(where + ": there is no map at offset " + offset + " of section '.maps'");
    }

    private static boolean contains(ElfFile.Symbol function, long offset) {
        return offset >= function.value() && offset - function.value() < function.sizeBytes();
    }
}
