// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Pseudo;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;

/** A program whose references are resolved: what both engines work from. */
final class LinkedProgram implements VmProgram {
    private final String name;
    private final ProgramType type;
    private final Code instructions;
    private final MapTable maps;
    private final Map<Integer, Long> constants;
    private final Map<Integer, Kfuncs.Kfunc> kfuncs;
    private final long budget;
    private final Consumer<String> trace;
    private ProgramCode code;

    /**
     * @param type null for a program over plain memory
     * @param constants what the 64-bit constants that refer to a map are, by slot
     * @param kfuncs what is called, by slot
     */
    LinkedProgram(
            String name,
            ProgramType type,
            Code instructions,
            MapTable maps,
            Map<Integer, Long> constants,
            Map<Integer, Kfuncs.Kfunc> kfuncs,
            long budget,
            Consumer<String> trace) {
        this.name = name;
        this.type = type;
        this.instructions = instructions;
        this.maps = maps;
        this.constants = constants;
        this.kfuncs = kfuncs;
        this.budget = budget;
        this.trace = trace;
    }

    /** Makes it ready to run. */
    void prepare(Engine engine) {
        prepare(engine == Engine.INTERPRETED ? new Interpreter(this) : Compiler.compile(this));
    }

    void prepare(ProgramCode code) {
        this.code = code;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public ProgramType type() {
        return type;
    }

    Code instructions() {
        return instructions;
    }

    MapTable maps() {
        return maps;
    }

    long budget() {
        return budget;
    }

    Consumer<String> trace() {
        return trace;
    }

    ProgramCode code() {
        return code;
    }

    Kfuncs.Kfunc kfunc(int slot) {
        return kfuncs.get(slot);
    }

    /** What a 64-bit constant is at run time. */
    long constant(int slot) {
        Long resolved = constants.get(slot);
        if (resolved != null) return resolved;
        var load = (LoadConstant) instructions.at(slot);
        return load.pseudo() == Pseudo.FUNCTION ? Address.of(Address.FUNCTION, slot + 1 + load.low()) : load.value();
    }

    /** Where functions begin: 0, and whatever is called or whose address is taken. */
    TreeSet<Integer> functions() {
        var starts = new TreeSet<Integer>();
        starts.add(0);
        for (int slot = 0; slot < instructions.length(); slot++) {
            Instruction instruction = instructions.at(slot);
            if (instruction instanceof CallLocal call) starts.add(slot + 1 + call.offset());
            if (instruction instanceof LoadConstant load && load.pseudo() == Pseudo.FUNCTION)
                starts.add(slot + 1 + load.low());
        }
        return starts;
    }

    @Override
    public long run(SkBuff skb) {
        var run = skb.run;
        run.begin(this);
        try {
            if (type == null)
                return code.call(run, 0, Run.STACK_BYTES, Address.of(Address.PACKET, skb.offset), skb.length, 0, 0, 0);
            return (int) code.call(run, 0, Run.STACK_BYTES, Address.of(Address.CONTEXT, 0), 0, 0, 0, 0);
        } finally {
            run.end();
        }
    }

    /** @param cause what was thrown when the instruction was executed; a fault of a called function is passed on */
    EbpfFault fault(RuntimeException cause, int slot) {
        if (cause instanceof EbpfFault fault) return fault;
        String reason = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        return new EbpfFault(name, slot, instructions.line(slot), reason, cause);
    }

    @Override
    public String toString() {
        return "program '" + name + "'";
    }
}
