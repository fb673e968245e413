// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.InvalidInstructionException;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.Reference;
import java.util.HashMap;
import java.util.Map;

/**
 * Checks a program before it runs: that it stays inside its memory, uses pointers as what they are, calls only what it
 * may, and comes to an end. What exactly, and where the kernel's verifier differs: {@code docs/ebpf-checker.md}.
 */
public final class Checker {
    private static final int DECISIONS_SHOWN = 12;

    private Checker() {}

    /**
     * @param maps of the object, by name
     * @throws ProgramRefusedException if a path through the program may do what it must not
     */
    public static CheckedProgram check(ProgramDefinition program, Map<String, MapDefinition> maps, CheckOptions options)
            throws ProgramRefusedException {
        String title = "program '" + program.name() + "' (section '" + program.section() + "')";
        Code code;
        try {
            code = Code.decode(program.instructions());
        } catch (InvalidInstructionException e) {
            throw new ProgramRefusedException(
                    title + ", instruction " + e.slot() + ": " + e.getMessage(), "", e.slot(), e.getMessage());
        }
        var mapsBySlot = new HashMap<Integer, MapDefinition>();
        var kfuncsBySlot = new HashMap<Integer, Reference.KfuncCall>();
        for (var reference : program.references()) {
            int slot = reference.byteOffset() / Code.SLOT_BYTES;
            switch (reference) {
                case Reference.MapAddress address -> mapsBySlot.put(slot, maps.get(address.map()));
                case Reference.MapValue value -> mapsBySlot.put(slot, maps.get(value.map()));
                case Reference.KfuncCall call -> kfuncsBySlot.put(slot, call);
            }
        }
        return check(title, new Subject(code, program.type(), 0, mapsBySlot, kfuncsBySlot), options);
    }

    /**
     * Checks a program that runs on no packet: r1 points at memory, r2 is its size.
     *
     * @param name what to call it in messages
     */
    public static CheckedProgram checkOnMemory(String name, Code code, int memoryBytes, CheckOptions options)
            throws ProgramRefusedException {
        return check("program '" + name + "'", new Subject(code, null, memoryBytes, Map.of(), Map.of()), options);
    }

    private static CheckedProgram check(String title, Subject subject, CheckOptions options)
            throws ProgramRefusedException {
        Explorer explorer = null;
        try {
            var structure = new Structure(subject.code());
            explorer = new Explorer(subject, structure, options.kfuncs(), options.instructionsMax());
            explorer.run();
            return new CheckedProgram(subject.code(), structure, explorer.facts());
        } catch (Refusal refusal) {
            String wayOut = refusal.wayOut().isEmpty() ? "" : "; " + refusal.wayOut();
            String message = title + ", instruction " + subject.code().line(refusal.slot()) + ": "
                    + refusal.getMessage() + wayOut;
            var refused = new ProgramRefusedException(
                    message, path(subject.code(), explorer), refusal.slot(), refusal.getMessage());
            refused.initCause(refusal);
            throw refused;
        }
    }

    private static String path(Code code, Explorer explorer) {
        if (explorer == null) return "";
        var text = new StringBuilder();
        for (var decision : explorer.lastDecisions(DECISIONS_SHOWN)) {
            int target = decision.slot() + 1 + ((Jump) code.at(decision.slot())).offset();
            text.append("by ").append(code.line(decision.slot()));
            text.append(decision.taken() ? ": taken, to " + target : ": not taken")
                    .append('\n');
        }
        return text.toString();
    }
}
