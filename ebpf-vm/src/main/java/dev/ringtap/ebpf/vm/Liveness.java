// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

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
import java.util.Arrays;

/** Which registers (bit 0 is r0) are still read after an instruction was reached: what a method hands to the next one. */
final class Liveness {
    private static final int ARGUMENTS = 0b111110;

    private Liveness() {}

    /**
     * @param slots those of a function, ascending
     * @return in the order of {@code slots}
     */
    static int[] of(Code code, int[] slots) {
        int[][] next = new int[slots.length][];
        for (int i = 0; i < slots.length; i++) next[i] = next(code, slots, i);
        return BackwardFlow.solve(next, (i, after) -> {
            var instruction = code.at(slots[i]);
            return after & ~written(instruction) | read(instruction);
        });
    }

    /** Where it goes on, as indexes. */
    private static int[] next(Code code, int[] slots, int index) {
        int slot = slots[index];
        var instruction = code.at(slot);
        int next = slot + instruction.slots();
        return switch (instruction) {
            case Goto jump -> new int[] {Arrays.binarySearch(slots, next + jump.offset())};
            case Jump jump -> new int[] {index + 1, Arrays.binarySearch(slots, next + jump.offset())};
            case Exit _ -> new int[0];
            default -> new int[] {index + 1};
        };
    }

    private static int written(Instruction instruction) {
        return switch (instruction) {
            case Alu alu -> 1 << alu.dst();
            case Swap swap -> 1 << swap.dst();
            case LoadConstant load -> 1 << load.dst();
            case Load load -> 1 << load.dst();
            case LoadPacket _, CallHelper _, CallKfunc _, CallLocal _ -> 1;
            case Atomic _, Store _, StoreConstant _, Goto _, Jump _, Exit _ -> 0;
        };
    }

    private static int read(Instruction instruction) {
        return switch (instruction) {
            case Alu alu -> (alu.op().isMove() ? 0 : 1 << alu.dst()) | (alu.register() ? 1 << alu.src() : 0);
            case Swap swap -> 1 << swap.dst();
            case LoadConstant _, Goto _ -> 0;
            case Load load -> 1 << load.base();
            case Store store -> 1 << store.base() | 1 << store.src();
            case StoreConstant store -> 1 << store.base();
            case Atomic atomic -> 1 << atomic.base() | 1 << atomic.src() | (atomic.op() == AtomicOp.CMPXCHG ? 1 : 0);
            case LoadPacket load -> load.indirect() ? 1 << load.src() : 0;
            case Jump jump -> 1 << jump.dst() | (jump.register() ? 1 << jump.src() : 0);
            case CallHelper _, CallKfunc _, CallLocal _ -> ARGUMENTS;
            case Exit _ -> 1;
        };
    }
}
