// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.AtomicOp;
import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.Alu;
import dev.ringtap.ebpf.isa.Instruction.Atomic;
import dev.ringtap.ebpf.isa.Instruction.CallHelper;
import dev.ringtap.ebpf.isa.Instruction.CallKfunc;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Exit;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.Load;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Instruction.LoadPacket;
import dev.ringtap.ebpf.isa.Instruction.Store;
import dev.ringtap.ebpf.isa.Instruction.StoreConstant;
import dev.ringtap.ebpf.isa.Instruction.Swap;
import dev.ringtap.ebpf.isa.Size;
import dev.ringtap.ebpf.vm.Shape.Kind;
import java.util.ArrayDeque;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Finds, for each instruction of a function, what the registers hold whichever way it was reached. The compiler takes the
 * short way to memory where a pointer's region is known, and the general way elsewhere; what is found here is about
 * speed. It relies on what the checker refuses anyway: that arithmetic takes a pointer out of its region.
 */
final class ShapeAnalysis {
    private final LinkedProgram program;
    private final Code code;
    private final TreeMap<Integer, ShapeState> before = new TreeMap<>();
    private final ArrayDeque<Integer> pending = new ArrayDeque<>();

    private ShapeAnalysis(LinkedProgram program) {
        this.program = program;
        code = program.instructions();
    }

    /** @return by slot that the function gets to: its own, since a program may have as many functions as instructions */
    static SortedMap<Integer, ShapeState> of(LinkedProgram program, int start) {
        var analysis = new ShapeAnalysis(program);
        var entry = ShapeState.entry();
        if (start == 0) {
            entry.register(1, program.type() == null ? Shape.PACKET : Shape.CONTEXT);
            for (int r = 2; r <= 5; r++) entry.register(r, Shape.NUMBER);
        }
        analysis.reach(start, entry);
        while (!analysis.pending.isEmpty()) analysis.step(analysis.pending.remove());
        return analysis.before;
    }

    private void reach(int slot, ShapeState state) {
        var known = before.get(slot);
        if (known == null) before.put(slot, state.copy());
        else if (!known.joinFrom(state)) return;
        pending.add(slot);
    }

    private void step(int slot) {
        var instruction = code.at(slot);
        var state = before.get(slot).copy();
        int next = slot + instruction.slots();
        switch (instruction) {
            case Alu alu -> state.register(alu.dst(), result(alu, state));
            case Swap swap -> state.register(swap.dst(), Shape.NUMBER);
            case LoadConstant load -> state.register(load.dst(), constant(slot, load));
            case Load load -> state.register(load.dst(), loaded(load, state));
            case Store store -> store(state, store.base(), store.offset(), store.size(), state.register(store.src()));
            case StoreConstant store ->
                store(state, store.base(), store.offset(), store.size(), Shape.number(store.imm()));
            case Atomic atomic -> atomic(atomic, state);
            case LoadPacket _ -> state.register(0, Shape.NUMBER);
            case Goto jump -> next += jump.offset();
            case Jump jump -> reach(next + jump.offset(), state);
            case CallHelper call -> helper(call.number(), state);
            case CallKfunc _ -> state.register(0, Shape.NUMBER);
            case CallLocal _ -> {
                state.register(0, Shape.UNKNOWN);
                state.overwriteAll(Shape.UNKNOWN);
            }
            case Exit _ -> {
                return;
            }
        }
        reach(next, state);
    }

    private static Shape result(Alu alu, ShapeState state) {
        if (!alu.is64())
            return alu.op() == AluOp.MOV && !alu.register() && alu.imm() >= 0 ? Shape.number(alu.imm()) : Shape.NUMBER;
        var left = state.register(alu.dst());
        var right = alu.register() ? state.register(alu.src()) : Shape.number(alu.imm());
        return switch (alu.op()) {
            case MOV -> right;
            case ADD -> left.plus(right);
            case SUB -> left.minus(right);
            default -> Shape.NUMBER;
        };
    }

    private Shape constant(int slot, LoadConstant load) {
        return switch (load.pseudo()) {
            case NONE -> load.high() == 0 && load.low() >= 0 ? Shape.number(load.low()) : Shape.NUMBER;
            case MAP -> Shape.map(Address.offset(program.constant(slot)));
            case MAP_VALUE -> Shape.VALUE;
            default -> Shape.UNKNOWN;
        };
    }

    private static Shape loaded(Load load, ShapeState state) {
        var base = state.register(load.base());
        return switch (base.kind()) {
            case CONTEXT -> {
                var field = ContextField.at(load.offset(), load.size().bytes());
                if (field == null) yield Shape.UNKNOWN;
                yield switch (field.kind()) {
                    case PACKET_START, PACKET_END -> Shape.PACKET;
                    default -> Shape.NUMBER;
                };
            }
            case STACK ->
                base.isExact()
                        ? state.slot(base.detail() + load.offset(), load.size().bytes())
                        : load.size() == Size.DW ? Shape.UNKNOWN : Shape.NUMBER;
            case PACKET, VALUE -> Shape.NUMBER;
            case UNKNOWN, NUMBER, MAP -> Shape.UNKNOWN;
        };
    }

    private static void store(ShapeState state, int register, int offset, Size size, Shape shape) {
        var base = state.register(register);
        switch (base.kind()) {
            case STACK -> {
                if (base.isExact()) state.store(base.detail() + offset, size.bytes(), shape);
                else state.overwriteAll(shape);
            }
            case CONTEXT, PACKET, VALUE -> {} // never the stack
            case UNKNOWN, NUMBER, MAP -> state.overwriteAll(shape);
        }
    }

    private static void atomic(Atomic atomic, ShapeState state) {
        var base = state.register(atomic.base());
        store(state, atomic.base(), atomic.offset(), atomic.size(), Shape.UNKNOWN);
        var old = base.is(Kind.VALUE) || atomic.size() != Size.DW ? Shape.NUMBER : Shape.UNKNOWN;
        if (atomic.op() == AtomicOp.CMPXCHG) state.register(0, old);
        else if (atomic.fetch()) state.register(atomic.src(), old);
    }

    private void helper(int number, ShapeState state) {
        switch (number) {
            case Helper.SKB_LOAD_BYTES, Helper.SKB_LOAD_BYTES_RELATIVE -> {
                var to = state.register(3);
                var length = state.register(4);
                if (to.is(Kind.STACK) && to.isExact())
                    state.overwrite(
                            to.detail(),
                            length.is(Kind.NUMBER) && length.isExact() ? length.detail() : Run.FRAME_BYTES,
                            Shape.NUMBER);
                else if (!to.is(Kind.VALUE) && !to.is(Kind.PACKET)) state.overwriteAll(Shape.UNKNOWN);
            }
            // A callback may write to what its context points to.
            case Helper.LOOP, Helper.FOR_EACH_MAP_ELEM -> state.overwriteAll(Shape.UNKNOWN);
            default -> {}
        }
        state.register(
                0,
                switch (number) {
                    case Helper.MAP_LOOKUP_ELEM -> found(state.register(1));
                    case Helper.MAP_LOOKUP_PERCPU_ELEM, Helper.RINGBUF_RESERVE -> Shape.VALUE;
                    default -> Shape.NUMBER;
                });
    }

    private Shape found(Shape map) {
        if (!map.is(Kind.MAP)) return Shape.UNKNOWN;
        // Maps are nested once.
        if (map.detail() < 0) return Shape.VALUE;
        return program.maps().maps()[map.detail()] instanceof MapOfMaps ? Shape.inner(map.detail()) : Shape.VALUE;
    }
}
