// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Pseudo;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the compiler knows of a function before it writes it: which instructions are reached, where jumps go, and the
 * parts it is cut into. HotSpot does not compile methods of more than 8,000 bytes, so a long function becomes several
 * methods.
 */
final class FunctionPlan {
    /** Instructions of a method before anybody knows how long it becomes: surely less than the 64 KiB that the JVM allows. */
    private static final int SLOTS_AT_FIRST = 1_000;

    final LinkedProgram program;
    final Code code;

    /** Slot where it begins; 0 is the program itself. */
    final int start;

    /** Reached slots, ascending. */
    final int[] slots;

    final BitSet targets;

    /** Registers that point to a map's values somewhere, a bit for each. */
    final int valueRegisters;

    // Of each reached slot.
    private final ShapeState[] shapes;
    private final int[] live;

    /** Methods that it is cut into. */
    final int parts;

    /** Whether instructions are counted where the function begins, jumps ahead and ends, and not only where it jumps back. */
    final boolean counted;

    private FunctionPlan(
            LinkedProgram program,
            int start,
            ShapeState[] shapes,
            int[] slots,
            BitSet targets,
            int[] live,
            int parts,
            boolean counted) {
        this.program = program;
        this.start = start;
        this.shapes = shapes;
        this.slots = slots;
        this.targets = targets;
        this.live = live;
        this.parts = parts;
        this.counted = counted;
        code = program.instructions();
        int values = 0;
        for (var shape : shapes)
            for (int r = 0; r < 10; r++) if (shape.register(r).is(Shape.Kind.VALUE)) values |= 1 << r;
        valueRegisters = values;
    }

    static FunctionPlan of(LinkedProgram program, int start) {
        var code = program.instructions();
        var shapes = ShapeAnalysis.of(program, start);
        int[] slots = shapes.keySet().stream().mapToInt(slot -> slot).toArray();
        var targets = new BitSet();
        targets.set(start);
        for (int slot : slots) {
            if (code.at(slot) instanceof Goto jump) targets.set(slot + 1 + jump.offset());
            if (code.at(slot) instanceof Jump jump) targets.set(slot + 1 + jump.offset());
        }
        int parts = 1 + slots.length / SLOTS_AT_FIRST;
        return new FunctionPlan(
                program,
                start,
                shapes.values().toArray(ShapeState[]::new),
                slots,
                targets,
                Liveness.of(code, slots),
                parts,
                false);
    }

    FunctionPlan cut(int parts) {
        return new FunctionPlan(program, start, shapes, slots, targets, live, parts, counted);
    }

    FunctionPlan counted() {
        return new FunctionPlan(program, start, shapes, slots, targets, live, parts, true);
    }

    /** What registers hold before a reached slot. */
    ShapeState shapes(int slot) {
        return shapes[Arrays.binarySearch(slots, slot)];
    }

    /** Registers that are still read when a reached slot is, a bit for each. */
    int live(int slot) {
        return live[Arrays.binarySearch(slots, slot)];
    }

    /** Behind its last slot. */
    int end() {
        int last = slots[slots.length - 1];
        return last + code.at(last).slots();
    }

    /** Where the functions begin that it calls, or gives to a helper to call. */
    Set<Integer> calls() {
        var starts = callbacks();
        for (int slot : slots) if (code.at(slot) instanceof CallLocal call) starts.add(slot + 1 + call.offset());
        return starts;
    }

    /** Where the functions begin that it gives to a helper to call. */
    Set<Integer> callbacks() {
        var starts = new TreeSet<Integer>();
        for (int slot : slots)
            if (code.at(slot) instanceof LoadConstant load && load.pseudo() == Pseudo.FUNCTION)
                starts.add(slot + 1 + load.low());
        return starts;
    }

    boolean canCut() {
        return parts < slots.length;
    }

    /** First slot of a part; of the one behind the last, a slot that does not exist. */
    int partStart(int part) {
        return part == parts ? code.length() : slots[partIndex(part)];
    }

    int[] slotsOf(int part) {
        return Arrays.copyOfRange(slots, partIndex(part), partIndex(part + 1));
    }

    private int partIndex(int part) {
        return (int) ((long) slots.length * part / parts);
    }

    String methodName() {
        return "f" + start;
    }

    String partName(int part) {
        return parts == 1 ? methodName() : methodName() + "_" + part;
    }
}
