// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.Instruction.Swap;

/** What the instruction set says of arithmetic, RFC 9669, 4.1 and 4.2: division by zero gives 0, remainder the dividend. */
final class Arithmetic {
    private Arithmetic() {}

    static long alu64(AluOp op, long dst, long src) {
        return switch (op) {
            case ADD -> dst + src;
            case SUB -> dst - src;
            case MUL -> dst * src;
            case DIV -> src == 0 ? 0 : Long.divideUnsigned(dst, src);
            case SDIV -> src == 0 ? 0 : dst / src;
            case MOD -> src == 0 ? dst : Long.remainderUnsigned(dst, src);
            case SMOD -> src == 0 ? dst : dst % src;
            case OR -> dst | src;
            case AND -> dst & src;
            case XOR -> dst ^ src;
            case LSH -> dst << src;
            case RSH -> dst >>> src;
            case ARSH -> dst >> src;
            case NEG -> -dst;
            case MOV -> src;
            case MOVSX8 -> (byte) src;
            case MOVSX16 -> (short) src;
            case MOVSX32 -> (int) src;
        };
    }

    static int alu32(AluOp op, int dst, int src) {
        return switch (op) {
            case ADD -> dst + src;
            case SUB -> dst - src;
            case MUL -> dst * src;
            case DIV -> src == 0 ? 0 : Integer.divideUnsigned(dst, src);
            case SDIV -> src == 0 ? 0 : dst / src;
            case MOD -> src == 0 ? dst : Integer.remainderUnsigned(dst, src);
            case SMOD -> src == 0 ? dst : dst % src;
            case OR -> dst | src;
            case AND -> dst & src;
            case XOR -> dst ^ src;
            case LSH -> dst << src;
            case RSH -> dst >>> src;
            case ARSH -> dst >> src;
            case NEG -> -dst;
            case MOV, MOVSX32 -> src;
            case MOVSX8 -> (byte) src;
            case MOVSX16 -> (short) src;
        };
    }

    static long swap(Swap.Order order, int bits, long value) {
        boolean swap = order != Swap.Order.LE; // memory is little-endian
        return switch (bits) {
            case 16 -> (swap ? Short.reverseBytes((short) value) : (short) value) & 0xFFFFL;
            case 32 -> (swap ? Integer.reverseBytes((int) value) : (int) value) & 0xFFFFFFFFL;
            default -> swap ? Long.reverseBytes(value) : value;
        };
    }
}
