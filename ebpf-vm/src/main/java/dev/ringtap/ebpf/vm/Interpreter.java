// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

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

/** Executes one instruction after the other, as the instruction set describes them: what the compiler is held to. */
final class Interpreter implements ProgramCode {
    private static final int FRAME_POINTER = 10;

    private final LinkedProgram program;
    private final Code code;

    Interpreter(LinkedProgram program) {
        this.program = program;
        code = program.instructions();
    }

    @Override
    public long call(Run run, int slot, int frame, long r1, long r2, long r3, long r4, long r5) {
        Run.checkFrame(frame);
        long[] r = run.registers[frame / Run.FRAME_BYTES - 1];
        r[0] = r[6] = r[7] = r[8] = r[9] = 0;
        r[1] = r1;
        r[2] = r2;
        r[3] = r3;
        r[4] = r4;
        r[5] = r5;
        r[FRAME_POINTER] = Address.of(Address.STACK, frame);
        int at = slot;
        try {
            while (true) {
                run.spend(1);
                var instruction = code.at(at);
                int next = at + instruction.slots();
                switch (instruction) {
                    case Alu alu -> alu(alu, r);
                    case Swap swap -> r[swap.dst()] = Arithmetic.swap(swap.order(), swap.bits(), r[swap.dst()]);
                    case LoadConstant load -> r[load.dst()] = program.constant(at);
                    case Load load -> r[load.dst()] = load(run, load, r[load.base()]);
                    case Store store ->
                        run.store(r[store.base()] + store.offset(), store.size().bytes(), r[store.src()]);
                    case StoreConstant store ->
                        run.store(r[store.base()] + store.offset(), store.size().bytes(), store.imm());
                    case Atomic atomic -> atomic(run, atomic, r);
                    case LoadPacket load -> {
                        int offset = load.offset() + (load.indirect() ? (int) r[load.src()] : 0);
                        long value = ClassicLoads.load(run, offset, load.size().bytes());
                        if (value == ClassicLoads.OUTSIDE) return 0;
                        r[0] = value;
                    }
                    case Goto jump -> next += jump.offset();
                    case Jump jump -> {
                        if (holds(jump, r)) next += jump.offset();
                    }
                    case CallHelper call -> {
                        run.frame = frame;
                        r[0] = Helper.of(call.number()).body().call(run, r[1], r[2], r[3], r[4], r[5]);
                    }
                    case CallKfunc _ ->
                        r[0] = program.kfunc(at).implementation().call(run.skb, r[1], r[2], r[3], r[4], r[5]);
                    case CallLocal call ->
                        r[0] = call(run, next + call.offset(), frame - Run.FRAME_BYTES, r[1], r[2], r[3], r[4], r[5]);
                    case Exit _ -> {
                        return r[0];
                    }
                }
                at = next;
            }
        } catch (RuntimeException e) {
            throw program.fault(e, at);
        }
    }

    private static void alu(Alu alu, long[] r) {
        long source = alu.register() ? r[alu.src()] : alu.imm();
        r[alu.dst()] = alu.is64()
                ? Arithmetic.alu64(alu.op(), r[alu.dst()], source)
                : Arithmetic.alu32(alu.op(), (int) r[alu.dst()], (int) source) & 0xFFFFFFFFL;
    }

    private static long load(Run run, Load load, long base) {
        long value = run.load(base + load.offset(), load.size().bytes());
        if (!load.signed()) return value;
        int unused = 64 - load.size().bits();
        return value << unused >> unused;
    }

    private static void atomic(Run run, Atomic atomic, long[] r) {
        long old = Atomics.apply(
                run, atomic.op(), atomic.size().bytes(), r[atomic.base()] + atomic.offset(), r[atomic.src()], r[0]);
        if (atomic.op() == AtomicOp.CMPXCHG) r[0] = old;
        else if (atomic.fetch()) r[atomic.src()] = old;
    }

    private static boolean holds(Jump jump, long[] r) {
        long left = r[jump.dst()];
        long right = jump.register() ? r[jump.src()] : jump.imm();
        if (jump.is64()) return jump.op().holds(left, right);
        if (jump.op().isSigned()) return jump.op().holds((int) left, (int) right);
        return jump.op().holds(left & 0xFFFFFFFFL, right & 0xFFFFFFFFL);
    }
}
