// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The instructions of a program by slot. The slot is what everything counts by: jump offsets, the kernel's log, our
 * messages. The second slot of a 64-bit constant holds nothing.
 *
 * <p>Decoding is as strict as the kernel's: unknown operations, registers above 10 and unused fields that are not zero
 * are refused. What is well-formed but wrong in its place is the checker's matter: jumps out of the program, shifts by
 * more than the width, division by a constant zero.
 */
public final class Code {
    public static final int SLOT_BYTES = 8;
    public static final int REGISTERS = 11;

    // The class of an instruction: the low three bits of the opcode.
    private static final int LD = 0;
    private static final int LDX = 1;
    private static final int ST = 2;
    private static final int STX = 3;
    private static final int ALU = 4;
    private static final int JMP = 5;
    private static final int JMP32 = 6;

    // How memory is addressed: the high three bits.
    private static final int IMM = 0;
    private static final int ABS = 1;
    private static final int IND = 2;
    private static final int MEM = 3;
    private static final int MEMSX = 4;
    private static final int ATOMIC = 6;

    private static final int SOURCE_REGISTER = 0x08;
    private static final Size[] SIZES = {Size.W, Size.H, Size.B, Size.DW};
    private static final AluOp[] ALU_OPS = {
        AluOp.ADD,
        AluOp.SUB,
        AluOp.MUL,
        AluOp.DIV,
        AluOp.OR,
        AluOp.AND,
        AluOp.LSH,
        AluOp.RSH,
        AluOp.NEG,
        AluOp.MOD,
        AluOp.XOR,
        AluOp.MOV,
        AluOp.ARSH
    };
    private static final int END = 0xD;
    private static final JumpOp[] JUMP_OPS = {
        null,
        JumpOp.EQ,
        JumpOp.GT,
        JumpOp.GE,
        JumpOp.SET,
        JumpOp.NE,
        JumpOp.SGT,
        JumpOp.SGE,
        null,
        null,
        JumpOp.LT,
        JumpOp.LE,
        JumpOp.SLT,
        JumpOp.SLE
    };
    private static final int JA = 0;
    private static final int CALL = 8;
    private static final int EXIT = 9;

    private final Instruction[] slots;

    private Code(Instruction[] slots) {
        this.slots = slots;
    }

    /**
     * @param bytes 8 for each slot, little-endian
     * @throws InvalidInstructionException for the first slot that is no instruction
     */
    public static Code decode(byte[] bytes) throws InvalidInstructionException {
        if (bytes.length == 0 || bytes.length % SLOT_BYTES != 0)
            throw new InvalidInstructionException(
                    bytes.length / SLOT_BYTES, bytes.length + " bytes are no whole number of instructions");
        var in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        var slots = new Instruction[bytes.length / SLOT_BYTES];
        for (int i = 0; i < slots.length; i += slots[i].slots()) slots[i] = new Slot(in, i).decode();
        return new Code(slots);
    }

    /** Number of slots. */
    public int length() {
        return slots.length;
    }

    /** Null for the second half of a 64-bit constant. */
    public Instruction at(int slot) {
        return slots[slot];
    }

    /** Whether an instruction begins there: what a jump may go to. */
    public boolean isStart(int slot) {
        return slot >= 0 && slot < slots.length && slots[slot] != null;
    }

    /** {@code 5: (07) r2 += -76}. */
    public String line(int slot) {
        return slot + ": " + slots[slot];
    }

    /** All lines. */
    @Override
    public String toString() {
        var text = new StringBuilder();
        for (int i = 0; i < slots.length; i++)
            if (slots[i] != null) text.append(line(i)).append('\n');
        return text.toString();
    }

    /** The fields of one slot and what they mean together. */
    private static final class Slot {
        private final ByteBuffer in;
        private final int number;
        private final int opcode;
        private final int dst;
        private final int src;
        private final int offset;
        private final int imm;

        Slot(ByteBuffer in, int number) {
            this.in = in;
            this.number = number;
            int at = number * SLOT_BYTES;
            opcode = in.get(at) & 0xFF;
            dst = in.get(at + 1) & 0xF;
            src = in.get(at + 1) >> 4 & 0xF;
            offset = in.getShort(at + 2);
            imm = in.getInt(at + 4);
        }

        Instruction decode() throws InvalidInstructionException {
            return switch (opcode & 7) {
                case LD -> loadConstantOrPacket();
                case LDX -> load();
                case ST -> storeConstant();
                case STX -> storeOrAtomic();
                case JMP, JMP32 -> jump();
                default -> alu();
            };
        }

        private Instruction loadConstantOrPacket() throws InvalidInstructionException {
            switch (opcode >> 5) {
                case IMM -> {
                    if (size() != Size.DW) throw unknown();
                    if (src >= Pseudo.VALUES.length) throw fault("64-bit constant of unknown kind " + src);
                    unused("offset", offset);
                    int next = (number + 1) * SLOT_BYTES;
                    if (next == in.limit()) throw fault("64-bit constant without its second half");
                    if (in.getInt(next) != 0) throw fault("64-bit constant whose second half has other fields set");
                    return new LoadConstant(writable(dst), Pseudo.VALUES[src], imm, in.getInt(next + 4));
                }
                case ABS, IND -> {
                    if (size() == Size.DW) throw unknown();
                    boolean indirect = opcode >> 5 == IND;
                    unused("destination", dst);
                    unused("offset", offset);
                    if (!indirect) unused("source", src);
                    return new LoadPacket(opcode, size(), indirect, register(src), imm);
                }
                default -> throw unknown();
            }
        }

        private Instruction load() throws InvalidInstructionException {
            boolean signed = opcode >> 5 == MEMSX;
            if (opcode >> 5 != MEM && !signed || signed && size() == Size.DW) throw unknown();
            unused("immediate", imm);
            return new Load(opcode, size(), signed, writable(dst), register(src), offset);
        }

        private Instruction storeConstant() throws InvalidInstructionException {
            if (opcode >> 5 != MEM) throw unknown();
            unused("source", src);
            return new StoreConstant(opcode, size(), register(dst), offset, imm);
        }

        private Instruction storeOrAtomic() throws InvalidInstructionException {
            if (opcode >> 5 == MEM) {
                unused("immediate", imm);
                return new Store(opcode, size(), register(dst), offset, register(src));
            }
            if (opcode >> 5 != ATOMIC) throw unknown();
            if (size() != Size.W && size() != Size.DW)
                throw fault("atomic operation on " + size().bits() + " bits: there are 32 and 64 only");
            for (var op : AtomicOp.values()) {
                if (op.code() != (imm & ~AtomicOp.FETCH)) continue;
                boolean fetch = (imm & AtomicOp.FETCH) != 0;
                if (!fetch && (op == AtomicOp.XCHG || op == AtomicOp.CMPXCHG)) break;
                int register = fetch && op != AtomicOp.CMPXCHG ? writable(src) : register(src);
                return new Atomic(opcode, size(), op, fetch, register(dst), offset, register);
            }
            throw fault("unknown atomic operation 0x" + Integer.toHexString(imm));
        }

        private Instruction alu() throws InvalidInstructionException {
            boolean is64 = (opcode & 7) != ALU;
            boolean register = (opcode & SOURCE_REGISTER) != 0;
            int code = opcode >> 4;
            if (code == END) return swap(is64, register);
            if (code > END) throw unknown();
            var op = ALU_OPS[code];
            if (op == AluOp.NEG) {
                if (register) throw unknown();
                unused("source", src);
                unused("immediate", imm);
            } else if (register) {
                unused("immediate", imm);
            } else {
                unused("source", src);
            }
            if (offset != 0) op = variant(op, is64, register);
            return new Alu(opcode, is64, op, writable(dst), register, register(src), imm);
        }

        /** The offset field says signed for a division, and which bits are moved for a move with sign extension. */
        private AluOp variant(AluOp op, boolean is64, boolean register) throws InvalidInstructionException {
            if (op == AluOp.DIV && offset == 1) return AluOp.SDIV;
            if (op == AluOp.MOD && offset == 1) return AluOp.SMOD;
            if (op == AluOp.MOV && register && offset == 8) return AluOp.MOVSX8;
            if (op == AluOp.MOV && register && offset == 16) return AluOp.MOVSX16;
            if (op == AluOp.MOV && register && offset == 32 && is64) return AluOp.MOVSX32;
            throw fault("unknown variant " + offset + " of operation " + op);
        }

        private Instruction swap(boolean is64, boolean toBigEndian) throws InvalidInstructionException {
            if (is64 && toBigEndian) throw unknown();
            unused("source", src);
            unused("offset", offset);
            if (imm != 16 && imm != 32 && imm != 64) throw fault("reorders the bytes of " + imm + " bits");
            var order = is64 ? Swap.Order.BSWAP : toBigEndian ? Swap.Order.BE : Swap.Order.LE;
            return new Swap(opcode, order, writable(dst), imm);
        }

        private Instruction jump() throws InvalidInstructionException {
            boolean is64 = (opcode & 7) == JMP;
            boolean register = (opcode & SOURCE_REGISTER) != 0;
            int code = opcode >> 4;
            switch (code) {
                case JA -> {
                    if (register) throw unknown();
                    unused("destination", dst);
                    unused("source", src);
                    if (is64) unused("immediate", imm);
                    else unused("offset", offset);
                    return new Goto(opcode, !is64, is64 ? offset : imm);
                }
                case CALL -> {
                    if (!is64) throw unknown();
                    if (register) throw fault("calls the function in a register, which only clang's callx does");
                    return call();
                }
                case EXIT -> {
                    if (!is64 || register) throw unknown();
                    unused("destination", dst);
                    unused("source", src);
                    unused("offset", offset);
                    unused("immediate", imm);
                    return new Exit();
                }
                default -> {
                    if (code >= JUMP_OPS.length) throw unknown();
                    if (register) unused("immediate", imm);
                    else unused("source", src);
                    return new Jump(opcode, is64, JUMP_OPS[code], register(dst), register, register(src), imm, offset);
                }
            }
        }

        private Instruction call() throws InvalidInstructionException {
            unused("destination", dst);
            if (src != 2) unused("offset", offset);
            return switch (src) {
                case 0 -> new CallHelper(imm);
                case 1 -> new CallLocal(imm);
                case 2 -> new CallKfunc(imm, offset);
                default -> throw fault("call of unknown kind " + src);
            };
        }

        private Size size() {
            return SIZES[opcode >> 3 & 3];
        }

        private int register(int register) throws InvalidInstructionException {
            if (register >= REGISTERS) throw fault("register r" + register + " does not exist");
            return register;
        }

        private int writable(int register) throws InvalidInstructionException {
            if (register == REGISTERS - 1) throw fault("frame pointer is read only");
            return register(register);
        }

        private void unused(String field, int value) throws InvalidInstructionException {
            if (value != 0) throw fault("has its unused " + field + " set to " + value);
        }

        private InvalidInstructionException unknown() {
            return fault("unknown operation");
        }

        private InvalidInstructionException fault(String reason) {
            return new InvalidInstructionException(number, "opcode 0x" + Integer.toHexString(opcode) + ": " + reason);
        }
    }
}
