// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.AtomicOp;
import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.Alu;
import dev.ringtap.ebpf.isa.Instruction.Atomic;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Exit;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.Load;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Instruction.Store;
import dev.ringtap.ebpf.isa.Instruction.StoreConstant;
import dev.ringtap.ebpf.isa.Instruction.Swap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Runs programs on plain memory by this file's own reading of the instruction set, one step at a time, so that a test can
 * compare registers with what the check says of them. Memory and stacks lie far apart; anything else is a fault.
 */
final class PlainMachine {
    static final long MEMORY = 0x1000_0000_0000L;
    /** The r10 of the first frame; those of others follow, a gigabyte apart. */
    static final long STACKS = 0x2000_0000_0000L;

    static final long BETWEEN_STACKS = 1L << 30;
    private static final int FRAMES = 8;
    private static final long LOW = 0xFFFF_FFFFL;

    static final class Fault extends Exception {
        private static final long serialVersionUID = 1L;

        Fault(String message) {
            super(message);
        }
    }

    private record Return(int slot, long[] kept) {}

    final long[] registers = new long[Code.REGISTERS];
    int slot;

    private final Code code;
    private final ByteBuffer memory;
    private final ByteBuffer[] stacks = new ByteBuffer[FRAMES];
    private final ArrayDeque<Return> returns = new ArrayDeque<>();

    PlainMachine(Code code, byte[] memory, byte stackFill) {
        this.code = code;
        this.memory = ByteBuffer.wrap(memory.clone()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < FRAMES; i++) {
            stacks[i] = ByteBuffer.allocate(Stack.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            Arrays.fill(stacks[i].array(), stackFill);
        }
        // What was never written must not matter.
        Arrays.fill(registers, 0x5A5A_5A5A_5A5A_5A5AL ^ stackFill);
        registers[1] = MEMORY;
        registers[2] = memory.length;
        registers[10] = STACKS;
    }

    int depth() {
        return returns.size();
    }

    /** Little-endian, zero-extended. */
    long stack(int frame, int offset, int bytes) {
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) value = value << 8 | stacks[frame].get(Stack.BYTES + offset + i) & 0xFF;
        return value;
    }

    /** @return whether the program goes on */
    boolean step() throws Fault {
        int here = slot;
        var instruction = code.at(here);
        slot += instruction.slots();
        switch (instruction) {
            case Alu alu -> registers[alu.dst()] = result(alu);
            case Swap swap -> registers[swap.dst()] = swapped(swap);
            case LoadConstant load -> registers[load.dst()] = load.value();
            case Load load -> {
                long value =
                        load(registers[load.base()] + load.offset(), load.size().bytes());
                int rest = 64 - load.size().bits();
                registers[load.dst()] = load.signed() ? value << rest >> rest : value;
            }
            case Store store ->
                store(registers[store.base()] + store.offset(), store.size().bytes(), registers[store.src()]);
            case StoreConstant store ->
                store(registers[store.base()] + store.offset(), store.size().bytes(), store.imm());
            case Atomic atomic -> execute(atomic);
            case Goto jump -> slot += jump.offset();
            case Jump jump -> {
                long right = jump.register() ? registers[jump.src()] : jump.imm();
                long left = registers[jump.dst()];
                boolean holds;
                if (jump.is64()) holds = jump.op().holds(left, right);
                else if (jump.op().isSigned()) holds = jump.op().holds((int) left, (int) right);
                else holds = jump.op().holds(left & LOW, right & LOW);
                if (holds) slot += jump.offset();
            }
            case CallLocal call -> {
                returns.push(new Return(slot, Arrays.copyOfRange(registers, 6, 11)));
                registers[10] = STACKS + returns.size() * BETWEEN_STACKS;
                slot += call.offset();
            }
            case Exit exit -> {
                if (returns.isEmpty()) return false;
                var back = returns.pop();
                System.arraycopy(back.kept, 0, registers, 6, 5);
                slot = back.slot;
            }
            default -> throw new Fault("no such instruction here: " + instruction);
        }
        return true;
    }

    private void execute(Atomic atomic) throws Fault {
        int bytes = atomic.size().bytes();
        long address = registers[atomic.base()] + atomic.offset();
        if (address % bytes != 0) throw new Fault("misaligned atomic operation at " + Long.toHexString(address));
        long old = load(address, bytes);
        long operand = registers[atomic.src()];
        long mask = bytes == 8 ? -1 : LOW;
        long next = switch (atomic.op()) {
            case ADD -> old + operand;
            case OR -> old | operand;
            case AND -> old & operand;
            case XOR -> old ^ operand;
            case XCHG -> operand;
            case CMPXCHG -> (registers[0] & mask) == old ? operand : old;
        };
        store(address, bytes, next);
        if (atomic.fetch()) registers[atomic.op() == AtomicOp.CMPXCHG ? 0 : atomic.src()] = old;
    }

    private long result(Alu alu) {
        boolean wide = alu.is64();
        long a = registers[alu.dst()];
        long b = alu.register() ? registers[alu.src()] : alu.imm();
        if (alu.op() == AluOp.MOVSX8) return wide ? (byte) b : (byte) b & LOW;
        if (alu.op() == AluOp.MOVSX16) return wide ? (short) b : (short) b & LOW;
        if (alu.op() == AluOp.MOVSX32) return (int) b;
        if (!wide) return result32(alu.op(), (int) a, (int) b) & LOW;
        return switch (alu.op()) {
            case ADD -> a + b;
            case SUB -> a - b;
            case MUL -> a * b;
            case DIV -> b == 0 ? 0 : Long.divideUnsigned(a, b);
            case SDIV -> b == 0 ? 0 : a / b;
            case OR -> a | b;
            case AND -> a & b;
            case LSH -> a << b;
            case RSH -> a >>> b;
            case NEG -> -a;
            case MOD -> b == 0 ? a : Long.remainderUnsigned(a, b);
            case SMOD -> b == 0 ? a : a % b;
            case XOR -> a ^ b;
            case MOV, MOVSX8, MOVSX16, MOVSX32 -> b;
            case ARSH -> a >> b;
        };
    }

    private static int result32(AluOp op, int a, int b) {
        return switch (op) {
            case ADD -> a + b;
            case SUB -> a - b;
            case MUL -> a * b;
            case DIV -> b == 0 ? 0 : Integer.divideUnsigned(a, b);
            case SDIV -> b == 0 ? 0 : a / b;
            case OR -> a | b;
            case AND -> a & b;
            case LSH -> a << b;
            case RSH -> a >>> b;
            case NEG -> -a;
            case MOD -> b == 0 ? a : Integer.remainderUnsigned(a, b);
            case SMOD -> b == 0 ? a : a % b;
            case XOR -> a ^ b;
            case MOV, MOVSX8, MOVSX16, MOVSX32 -> b;
            case ARSH -> a >> b;
        };
    }

    private long swapped(Swap swap) {
        long value = registers[swap.dst()];
        long low = swap.bits() == 64 ? value : value & (1L << swap.bits()) - 1;
        return swap.order() == Swap.Order.LE ? low : Long.reverseBytes(low) >>> 64 - swap.bits();
    }

    private long load(long address, int bytes) throws Fault {
        var buffer = buffer(address, bytes);
        int at = index(address);
        return switch (bytes) {
            case 1 -> buffer.get(at) & 0xFFL;
            case 2 -> buffer.getShort(at) & 0xFFFFL;
            case 4 -> buffer.getInt(at) & LOW;
            default -> buffer.getLong(at);
        };
    }

    private void store(long address, int bytes, long value) throws Fault {
        var buffer = buffer(address, bytes);
        int at = index(address);
        switch (bytes) {
            case 1 -> buffer.put(at, (byte) value);
            case 2 -> buffer.putShort(at, (short) value);
            case 4 -> buffer.putInt(at, (int) value);
            default -> buffer.putLong(at, value);
        }
    }

    private ByteBuffer buffer(long address, int bytes) throws Fault {
        if (address >= MEMORY && address <= MEMORY + memory.limit() - bytes) return memory;
        for (int frame = 0; frame <= depth(); frame++) {
            long top = STACKS + frame * BETWEEN_STACKS;
            if (address >= top - Stack.BYTES && address <= top - bytes) return stacks[frame];
        }
        throw new Fault(bytes + " bytes at 0x" + Long.toHexString(address));
    }

    private int index(long address) {
        if (address < STACKS - Stack.BYTES) return (int) (address - MEMORY);
        return (int) (Math.floorMod(address - STACKS + Stack.BYTES, BETWEEN_STACKS));
    }
}
