// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Puts a program together: the function that is called first, behind it the functions it calls, theirs, and so on, each
 * once. What is called and what is referred to is found by relocations; a call within a section may also be resolved by
 * the assembler already.
 */
final class ProgramLinker {
    private static final int INSTRUCTION_BYTES = 8;
    // Relocations of the BPF machine: the two halves of a 64-bit constant, and the target of a call.
    private static final int R_BPF_64_64 = 1;
    private static final int R_BPF_64_32 = 10;

    private static final byte LOAD_64_BIT_CONSTANT = 0x18;
    private static final byte CALL = (byte) 0x85;
    private static final int NO_PSEUDO = 0;
    private static final int PSEUDO_MAP_FD = 1;
    private static final int PSEUDO_MAP_VALUE = 2;
    private static final int PSEUDO_FUNC = 4;
    private static final int PSEUDO_CALL = 1;
    private static final int PSEUDO_KFUNC_CALL = 2;

    /** The kernel takes no more. A bound on memory, too: every program gets its own copy of what it calls. */
    private static final int PROGRAM_BYTES_MAX = 1_000_000 * INSTRUCTION_BYTES;

    private static final int OBJECT_BYTES_MAX = ElfFile.SIZE_BYTES_MAX;

    /** Every program has its own lines of source, too. */
    private static final int OBJECT_LINES_MAX = 1 << 18;

    private final ElfFile elf;
    private final CodeSections code;
    private final Map<Integer, MapDefinition> globals;
    private final int mapsSection;
    private final Map<Long, String> mapAt = new HashMap<>();
    private final SourceLines sourceLines;
    private int objectBytes;
    private int objectLines;

    /** @param maps those of section {@code .maps}, by name */
    ProgramLinker(
            ElfFile elf,
            CodeSections code,
            Map<String, MapDefinition> maps,
            GlobalVariables variables,
            SourceLines sourceLines)
            throws BpfException {
        this.elf = elf;
        this.code = code;
        this.sourceLines = sourceLines;
        globals = variables.maps();
        var section = elf.section(".maps");
        mapsSection = section == null ? -1 : section.index();
        for (var symbol : elf.symbols()) {
            if (symbol.section() == mapsSection
                    && symbol.type() == ElfFile.STT_OBJECT
                    && maps.containsKey(symbol.name())) mapAt.putIfAbsent(symbol.value(), symbol.name());
        }
    }

    ProgramDefinition link(CodeSections.Function main, ProgramType type) throws BpfException {
        var program = new Program();
        program.place(main);
        // Grows while it is walked: a function places those that it reaches.
        for (int i = 0; i < program.order.size(); i++) program.resolve(program.order.get(i));
        objectBytes += program.sizeBytes;
        if (objectBytes > OBJECT_BYTES_MAX)
            throw elf.fault("its programs have more than " + OBJECT_BYTES_MAX + " bytes with all that they call");
        for (var function : program.order)
            objectLines += sourceLines.of(function).size();
        if (objectLines > OBJECT_LINES_MAX)
            throw elf.fault(
                    "its programs have more than " + OBJECT_LINES_MAX + " lines of source with all that they call");
        return program.define(main, type);
    }

    /** A program as it grows. */
    private final class Program {
        private final List<CodeSections.Function> order = new ArrayList<>();
        // By identity: a function is one object, and its hash code would be that of its section's bytes.
        private final Map<CodeSections.Function, Integer> startOf = new IdentityHashMap<>();
        private final Map<CodeSections.Function, byte[]> bytesOf = new IdentityHashMap<>();
        private final Set<CodeSections.Function> callbacks = Collections.newSetFromMap(new IdentityHashMap<>());
        private final List<Reference> references = new ArrayList<>();
        private int sizeBytes;

        /** Gives a function its place, behind those that have one. @return its byte offset in the program */
        int place(CodeSections.Function function) throws BpfException {
            Integer start = startOf.get(function);
            if (start != null) return start;
            start = sizeBytes;
            sizeBytes += function.sizeBytes();
            if (sizeBytes > PROGRAM_BYTES_MAX)
                throw elf.fault((order.isEmpty() ? function : order.getFirst()).at(0) + ": has more than "
                        + PROGRAM_BYTES_MAX / INSTRUCTION_BYTES + " instructions");
            order.add(function);
            startOf.put(function, start);
            return start;
        }

        void resolve(CodeSections.Function function) throws BpfException {
            byte[] bytes = new byte[function.sizeBytes()];
            function.section().data().get(function.offset(), bytes);
            bytesOf.put(function, bytes);
            var instructions = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            var relocations = new HashMap<Integer, ElfFile.Relocation>();
            for (var relocation : code.relocationsOf(function))
                relocations.put((int) (relocation.offset() - function.offset()), relocation);
            for (int at = 0; at < bytes.length; at += INSTRUCTION_BYTES) {
                var relocation = relocations.remove(at);
                if (bytes[at] == LOAD_64_BIT_CONSTANT) {
                    if (at > bytes.length - 2 * INSTRUCTION_BYTES)
                        throw elf.fault(function.at(at) + ": a load of a 64-bit constant is cut off");
                    load(function, instructions, at, relocation);
                    at += INSTRUCTION_BYTES; // its second half is no instruction
                } else if (bytes[at] == CALL) {
                    call(function, instructions, at, relocation);
                } else if (relocation != null) {
                    throw notRelocatable(function, at, relocation);
                }
            }
            // Not at an instruction's beginning, or in a second half.
            for (var rest : relocations.entrySet()) throw notRelocatable(function, rest.getKey(), rest.getValue());
        }

        private void load(
                CodeSections.Function function, ByteBuffer instructions, int at, ElfFile.Relocation relocation)
                throws BpfException {
            int pseudo = pseudo(instructions, at);
            String where = function.at(at);
            if (relocation == null) {
                if (pseudo != NO_PSEUDO)
                    throw elf.fault(where + ": loads an address of kind " + pseudo + " without a relocation");
                return;
            }
            if (relocation.type() != R_BPF_64_64 || pseudo != NO_PSEUDO) throw notRelocatable(function, at, relocation);
            var symbol = relocation.symbol();
            if (symbol.section() == 0)
                throw elf.fault(
                        where + ": '" + symbol.name() + "' is defined nowhere; of what an object does not define"
                                + " only functions can be used, by calls");
            int place = startOf.get(function) + at;
            // The instruction's constant is the addend: 0 for a global symbol, the offset if the symbol is the
            // section's.
            long offset = symbol.value() + instructions.getInt(at + 4);
            if (symbol.section() == mapsSection) {
                String map = mapAt.get(offset);
                if (map == null)
                    throw elf.fault(where + ": there is no map at offset " + offset + " of section '.maps'");
                fill(instructions, at, PSEUDO_MAP_FD, 0, 0);
                references.add(new Reference.MapAddress(place, map));
            } else if (globals.containsKey(symbol.section())) {
                var map = globals.get(symbol.section());
                if (offset < 0 || offset >= map.valueBytes())
                    throw elf.fault(where + ": offset " + offset + " is outside the " + map.valueBytes()
                            + " bytes of section '" + map.name() + "'");
                fill(instructions, at, PSEUDO_MAP_VALUE, 0, (int) offset);
                references.add(new Reference.MapValue(place, map.name(), (int) offset));
            } else if (code.isCode(symbol.section())) {
                var target = target(where, symbol, offset);
                callbacks.add(target);
                fill(instructions, at, PSEUDO_FUNC, relative(place(target), place), 0);
            } else {
                throw elf.fault(where + ": refers to " + symbol + ", which is no map, variable or function");
            }
        }

        private void call(
                CodeSections.Function function, ByteBuffer instructions, int at, ElfFile.Relocation relocation)
                throws BpfException {
            int pseudo = pseudo(instructions, at);
            String where = function.at(at);
            int place = startOf.get(function) + at;
            long addend = (instructions.getInt(at + 4) + 1L) * INSTRUCTION_BYTES;
            if (relocation == null) {
                if (pseudo == NO_PSEUDO) return; // a helper, by its number
                if (pseudo != PSEUDO_CALL) throw elf.fault(where + ": calls a function of kind " + pseudo);
                long offset = function.offset() + at + addend;
                var target = code.functionAt(function.section().index(), offset);
                if (target == null)
                    throw elf.fault(where + ": calls offset " + offset + " of its section, where no function begins");
                instructions.putInt(at + 4, relative(place(target), place));
                return;
            }
            var symbol = relocation.symbol();
            if (relocation.type() != R_BPF_64_32 || pseudo != PSEUDO_CALL)
                throw notRelocatable(function, at, relocation);
            if (symbol.section() == 0) {
                if (symbol.name().isEmpty()) throw elf.fault(where + ": calls a function without a name");
                instructions.put(at + 1, (byte) (PSEUDO_KFUNC_CALL << 4 | instructions.get(at + 1) & 0xF));
                instructions.putInt(at + 4, 0);
                references.add(kfuncCall(place, symbol.name()));
                return;
            }
            if (!code.isCode(symbol.section()))
                throw elf.fault(where + ": calls '" + symbol.name() + "', which is no function");
            var target = target(where, symbol, symbol.value() + addend);
            instructions.putInt(at + 4, relative(place(target), place));
        }

        ProgramDefinition define(CodeSections.Function main, ProgramType type) {
            byte[] instructions = new byte[sizeBytes];
            var functions = new ArrayList<ProgramDefinition.Function>();
            var lines = new ArrayList<SourceLine>();
            for (var function : order) {
                int start = startOf.get(function);
                System.arraycopy(bytesOf.get(function), 0, instructions, start, function.sizeBytes());
                functions.add(new ProgramDefinition.Function(
                        function.name(), start, function.sizeBytes(), callbacks.contains(function)));
                for (var line : sourceLines.of(function)) {
                    int at = start + line.byteOffset() - function.offset();
                    lines.add(new SourceLine(at, line.file(), line.text(), line.line(), line.column()));
                }
            }
            return new ProgramDefinition(
                    main.name(),
                    main.section().name(),
                    type,
                    instructions,
                    List.copyOf(references),
                    List.copyOf(functions),
                    List.copyOf(lines));
        }
    }

    private CodeSections.Function target(String where, ElfFile.Symbol symbol, long offset) throws BpfException {
        var target = code.functionAt(symbol.section(), offset);
        if (target == null)
            throw elf.fault(where + ": refers to offset " + offset + " of "
                    + elf.sections().get(symbol.section()) + ", where no function begins");
        return target;
    }

    /** A name {@code NAME___vN} is version N of NAME. */
    static Reference.KfuncCall kfuncCall(int byteOffset, String declared) {
        int mark = declared.lastIndexOf("___v");
        if (mark > 0 && declared.substring(mark + 4).matches("[0-9]{1,9}"))
            return new Reference.KfuncCall(
                    byteOffset, declared.substring(0, mark), Integer.parseInt(declared.substring(mark + 4)));
        return new Reference.KfuncCall(byteOffset, declared, 0);
    }

    private BpfException notRelocatable(CodeSections.Function function, int at, ElfFile.Relocation relocation) {
        if (relocation.type() != R_BPF_64_64 && relocation.type() != R_BPF_64_32)
            return elf.fault(function.at(at) + ": relocation of type " + relocation.type() + " is not supported");
        return elf.fault(function.at(at) + ": what is relocated for " + relocation.symbol() + " is not "
                + (relocation.type() == R_BPF_64_64
                        ? "a load of a 64-bit constant"
                        : "a call of a function of an object"));
    }

    /** What an instruction's constant means: the field of the source register. */
    private static int pseudo(ByteBuffer instructions, int at) {
        return (instructions.get(at + 1) & 0xFF) >>> 4;
    }

    private static void fill(ByteBuffer instructions, int at, int pseudo, int low, int high) {
        instructions.put(at + 1, (byte) (pseudo << 4 | instructions.get(at + 1) & 0xF));
        instructions.putInt(at + 4, low);
        instructions.putInt(at + 12, high);
    }

    /** In instructions, from the one behind {@code at}. */
    private static int relative(int target, int at) {
        return (target - at) / INSTRUCTION_BYTES - 1;
    }
}
