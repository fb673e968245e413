// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.AtomicOp;
import dev.ringtap.ebpf.isa.BackwardFlow;
import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction;
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

/** Which registers may still be read, before each instruction. What is not, need not be the same where paths meet. */
final class Liveness {
    // Sets of registers: one bit each.
    private static final int ARGUMENTS = 0b11_1110;
    private static final int CLOBBERED = 0b11_1111;

    /** The second slot of a constant is no instruction. */
    private static final int[] NOWHERE = {};

    private final int[] before;

    Liveness(Code code) {
        int[][] next = new int[code.length()][];
        for (int slot = 0; slot < next.length; slot++) {
            var instruction = code.at(slot);
            next[slot] = instruction == null
                    ? NOWHERE
                    : Structure.successors(slot, instruction).stream()
                            .mapToInt(Integer::intValue)
                            .toArray();
        }
        before = BackwardFlow.solve(next, (slot, after) -> {
            var instruction = code.at(slot);
            return instruction == null ? 0 : after & ~written(instruction) | read(instruction);
        });
    }

    boolean isLive(int slot, int register) {
        // The frame pointer is never written, so it is always what it was.
        return register == 10 || (before[slot] >> register & 1) != 0;
    }

    private static int read(Instruction instruction) {
        return switch (instruction) {
            case Alu alu ->
                (alu.op().isMove() ? 0 : 1 << alu.dst())
                        | (alu.register() && alu.op() != AluOp.NEG ? 1 << alu.src() : 0);
            case Swap swap -> 1 << swap.dst();
            case LoadConstant load -> 0;
            case Load load -> 1 << load.base();
            case Store store -> 1 << store.base() | 1 << store.src();
            case StoreConstant store -> 1 << store.base();
            case Atomic atomic -> 1 << atomic.base() | 1 << atomic.src() | (atomic.op() == AtomicOp.CMPXCHG ? 1 : 0);
            case LoadPacket load -> 1 << 6 | (load.indirect() ? 1 << load.src() : 0);
            case Goto jump -> 0;
            case Jump jump -> 1 << jump.dst() | (jump.register() ? 1 << jump.src() : 0);
            case CallHelper call -> ARGUMENTS;
            case CallLocal call -> ARGUMENTS;
            case CallKfunc call -> ARGUMENTS;
            case Exit exit -> 1;
        };
    }

    private static int written(Instruction instruction) {
        return switch (instruction) {
            case Alu alu -> 1 << alu.dst();
            case Swap swap -> 1 << swap.dst();
            case LoadConstant load -> 1 << load.dst();
            case Load load -> 1 << load.dst();
            case Atomic atomic when !atomic.fetch() -> 0;
            case Atomic atomic -> atomic.op() == AtomicOp.CMPXCHG ? 1 : 1 << atomic.src();
            case LoadPacket load -> CLOBBERED;
            case CallHelper call -> CLOBBERED;
            case CallLocal call -> CLOBBERED;
            case CallKfunc call -> CLOBBERED;
            case Store store -> 0;
            case StoreConstant store -> 0;
            case Goto jump -> 0;
            case Jump jump -> 0;
            case Exit exit -> 0;
        };
    }
}
