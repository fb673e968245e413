// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

import java.util.Locale;

/**
 * One instruction. Registers are 0 to 10. Offsets of jumps and calls count slots of 8 bytes from the one after the
 * instruction, as encoded; the immediate of an operation is sign-extended wherever it is used with 64 bits.
 *
 * <p>{@code toString()} is the line that the kernel's verifier log has for it, {@code (07) r2 += -76}.
 */
public sealed interface Instruction {
    /** Slots of 8 bytes. */
    default int slots() {
        return 1;
    }

    /** The first byte. */
    int opcode();

    /**
     * {@code dst op= source}, with 64 bits or with 32, when the upper half becomes zero.
     *
     * @param register whether {@code src} counts, else {@code imm}
     */
    record Alu(int opcode, boolean is64, AluOp op, int dst, boolean register, int src, int imm) implements Instruction {
        @Override
        public String toString() {
            String to = name(is64, dst);
            if (op == AluOp.NEG) return line(this, to + " = -" + to);
            String source = register ? name(is64 || op.isMove() && op != AluOp.MOV && is64, src) : "" + imm;
            String space = op.isMove() && op != AluOp.MOV ? "" : " ";
            return line(this, to + " " + op.symbol() + space + source);
        }
    }

    /** Reorders the bytes of the low {@code bits} (16, 32, 64) of a register; the bits above become zero. */
    record Swap(int opcode, Order order, int dst, int bits) implements Instruction {
        /** To little-endian, to big-endian, or the other way round in any case. */
        public enum Order {
            LE,
            BE,
            BSWAP
        }

        @Override
        public String toString() {
            return line(this, "r" + dst + " = " + order.name().toLowerCase(Locale.ROOT) + bits + " r" + dst);
        }
    }

    /** {@code dst = constant}; takes two slots. The halves are apart, since a reference uses them so. */
    record LoadConstant(int dst, Pseudo pseudo, int low, int high) implements Instruction {
        @Override
        public int slots() {
            return 2;
        }

        @Override
        public int opcode() {
            return 0x18;
        }

        public long value() {
            return (long) high << 32 | low & 0xFFFFFFFFL;
        }

        @Override
        public String toString() {
            String to = "r" + dst + " = ";
            return line(
                    this,
                    switch (pseudo) {
                        case NONE -> to + "0x" + Long.toHexString(value());
                        case MAP -> to + "map[fd:" + low + "]";
                        case MAP_VALUE -> to + "map[fd:" + low + "][0]+" + high;
                        case MAP_INDEX -> to + "map[idx:" + low + "]";
                        case MAP_VALUE_INDEX -> to + "map[idx:" + low + "][0]+" + high;
                        case FUNCTION -> to + "func pc" + plus(low);
                        case KERNEL_VARIABLE -> to + "kernel variable " + low;
                    });
        }
    }

    /** {@code dst = *(size *)(base + offset)}. */
    record Load(int opcode, Size size, boolean signed, int dst, int base, int offset) implements Instruction {
        @Override
        public String toString() {
            String type = signed ? "s" : "u";
            return line(this, "r" + dst + " = *(" + type + size.bits() + " *)(r" + base + " " + plus(offset) + ")");
        }
    }

    /** {@code *(size *)(base + offset) = src}. */
    record Store(int opcode, Size size, int base, int offset, int src) implements Instruction {
        @Override
        public String toString() {
            return line(this, "*(u" + size.bits() + " *)(r" + base + " " + plus(offset) + ") = r" + src);
        }
    }

    /** {@code *(size *)(base + offset) = imm}. */
    record StoreConstant(int opcode, Size size, int base, int offset, int imm) implements Instruction {
        @Override
        public String toString() {
            return line(this, "*(u" + size.bits() + " *)(r" + base + " " + plus(offset) + ") = " + imm);
        }
    }

    /**
     * An atomic operation on 4 or 8 bytes of memory.
     *
     * @param fetch whether {@code src} (r0 for {@link AtomicOp#CMPXCHG}) receives what was there
     */
    record Atomic(int opcode, Size size, AtomicOp op, boolean fetch, int base, int offset, int src)
            implements Instruction {
        @Override
        public String toString() {
            String where = "(u" + size.bits() + " *)(r" + base + " " + plus(offset) + ")";
            if (!fetch) return line(this, "lock *" + where + " " + op.symbol() + " r" + src);
            String call = "atomic" + (size == Size.DW ? "64" : "") + "_" + op.verb() + "(" + where + ", ";
            if (op == AtomicOp.CMPXCHG) return line(this, "r0 = " + call + "r0, r" + src + ")");
            return line(this, "r" + src + " = " + call + "r" + src + ")");
        }
    }

    /**
     * The classic load from the packet: r0 becomes the big-endian value at {@code offset}, plus register {@code src} if
     * {@code indirect}; r6 holds the context. Out of the packet, the program ends with 0.
     */
    record LoadPacket(int opcode, Size size, boolean indirect, int src, int offset) implements Instruction {
        @Override
        public String toString() {
            String where = indirect ? "r" + src + " + " + offset : "" + offset;
            return line(this, "r0 = *(u" + size.bits() + " *)skb[" + where + "]");
        }
    }

    /** {@code is32}: the encoding with a 32-bit offset. */
    record Goto(int opcode, boolean is32, int offset) implements Instruction {
        @Override
        public String toString() {
            return line(this, (is32 ? "gotol pc" : "goto pc") + plus(offset));
        }
    }

    /** {@code if dst op source goto}. */
    record Jump(int opcode, boolean is64, JumpOp op, int dst, boolean register, int src, int imm, int offset)
            implements Instruction {
        @Override
        public String toString() {
            String source = register ? name(is64, src) : "0x" + Integer.toHexString(imm);
            return line(this, "if " + name(is64, dst) + " " + op.symbol() + " " + source + " goto pc" + plus(offset));
        }
    }

    /** A helper, by its number in {@code enum bpf_func_id}. */
    record CallHelper(int number) implements Instruction {
        @Override
        public int opcode() {
            return 0x85;
        }

        @Override
        public String toString() {
            return line(this, "call " + HelperNames.of(number) + "#" + number);
        }
    }

    /** A function of the program. */
    record CallLocal(int offset) implements Instruction {
        @Override
        public int opcode() {
            return 0x85;
        }

        @Override
        public String toString() {
            return line(this, "call pc" + plus(offset));
        }
    }

    /** A function of the kernel, by a number that the loader gives it. */
    record CallKfunc(int number, int module) implements Instruction {
        @Override
        public int opcode() {
            return 0x85;
        }

        @Override
        public String toString() {
            return line(this, "call kfunc#" + number);
        }
    }

    record Exit() implements Instruction {
        @Override
        public int opcode() {
            return 0x95;
        }

        @Override
        public String toString() {
            return line(this, "exit");
        }
    }

    private static String name(boolean is64, int register) {
        return (is64 ? "r" : "w") + register;
    }

    private static String plus(int offset) {
        return offset < 0 ? "" + offset : "+" + offset;
    }

    private static String line(Instruction instruction, String text) {
        int opcode = instruction.opcode();
        return "(" + Character.forDigit(opcode >> 4, 16) + Character.forDigit(opcode & 0xF, 16) + ") " + text;
    }
}
