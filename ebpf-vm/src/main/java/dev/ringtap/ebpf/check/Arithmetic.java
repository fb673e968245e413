// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.Instruction.Alu;
import dev.ringtap.ebpf.isa.Instruction.Swap;
import java.util.function.IntSupplier;

/** What an operation makes of numbers and pointers. */
final class Arithmetic {
    private static final long LOW = 0xFFFF_FFFFL;

    private final IntSupplier newId;

    /** @param newId of a copied number, or of a variable part */
    Arithmetic(IntSupplier newId) {
        this.newId = newId;
    }

    void execute(State state, Alu alu) throws Refusal {
        int slot = state.slot;
        if (alu.op() == AluOp.MOV) {
            state.set(alu.dst(), moved(state, alu));
            return;
        }
        var source = alu.register() || alu.op().isMove() ? usable(state, alu.src()) : Scalar.of(alu.imm());
        if (alu.op().isMove()) {
            if (!(source instanceof Scalar number)) throw onPointer(slot, alu.src(), source, alu);
            int width = alu.op() == AluOp.MOVSX8 ? 8 : alu.op() == AluOp.MOVSX16 ? 16 : 32;
            state.set(alu.dst(), new Scalar(narrow(number.range().signExtend(width), alu), 0, number.origin()));
            return;
        }
        var destination = usable(state, alu.dst());
        if (alu.op() == AluOp.NEG) source = Scalar.of(0);
        int width = alu.is64() ? 64 : 32;
        boolean shift = alu.op() == AluOp.LSH || alu.op() == AluOp.RSH || alu.op() == AluOp.ARSH;
        if (shift && !alu.register() && (alu.imm() < 0 || alu.imm() >= width))
            throw new Refusal(slot, "shifts by " + alu.imm() + " bits, which is not below the width of " + width);
        state.set(alu.dst(), result(slot, alu, destination, source));
    }

    void execute(State state, Swap swap) throws Refusal {
        if (!(usable(state, swap.dst()) instanceof Scalar number))
            throw new Refusal(
                    state.slot, name(swap.dst()) + " " + state.get(swap.dst()) + ": reorders the bytes of a pointer");
        var range = swap.order() == Swap.Order.LE
                ? number.range().zeroExtend(swap.bits())
                : number.range().swapBytes(swap.bits());
        state.set(swap.dst(), new Scalar(range, 0, number.origin()));
    }

    private Value moved(State state, Alu alu) throws Refusal {
        if (!alu.register()) return Scalar.of(alu.is64() ? alu.imm() : alu.imm() & LOW);
        var source = usable(state, alu.src());
        if (source instanceof Pointer) {
            if (!alu.is64()) throw onPointer(state.slot, alu.src(), source, alu);
            return source;
        }
        var number = (Scalar) source;
        boolean same = alu.is64() || Long.compareUnsigned(number.range().whole().umax(), LOW) <= 0;
        if (!same) return new Scalar(number.range().low32(), 0, number.origin());
        if (number.id() == 0 && !number.range().isConstant()) {
            number = new Scalar(number.range(), newId.getAsInt(), number.origin());
            state.set(alu.src(), number);
        }
        return number;
    }

    private Value result(int slot, Alu alu, Value destination, Value source) throws Refusal {
        if (destination instanceof Scalar a && source instanceof Scalar b) {
            boolean toZero =
                    alu.register() && alu.src() == alu.dst() && (alu.op() == AluOp.SUB || alu.op() == AluOp.XOR);
            if (toZero) return Scalar.of(0);
            return new Scalar(narrow(number(alu, a.range(), b.range()), alu), 0, Origin.of(a.origin(), b.origin()));
        }
        if (!alu.is64() || alu.op() != AluOp.ADD && alu.op() != AluOp.SUB) {
            boolean left = destination instanceof Pointer;
            throw onPointer(slot, left ? alu.dst() : alu.src(), left ? destination : source, alu);
        }
        boolean subtract = alu.op() == AluOp.SUB;
        if (destination instanceof Pointer pointer && source instanceof Scalar by)
            return moved(slot, alu.dst(), pointer, by, subtract);
        if (source instanceof Pointer pointer && destination instanceof Scalar by) {
            if (subtract)
                throw new Refusal(slot, name(alu.src()) + " " + source + ": a pointer is subtracted from a number");
            return moved(slot, alu.src(), pointer, by, false);
        }
        if (subtract && distance((Pointer) destination, (Pointer) source)) return Scalar.UNKNOWN;
        throw new Refusal(
                slot,
                name(alu.dst()) + " " + destination + " and " + name(alu.src()) + " " + source + ": two pointers are "
                        + (subtract ? "subtracted that do not point at the same thing" : "added"));
    }

    private static boolean distance(Pointer a, Pointer b) {
        if (a.orNull() || b.orNull()) return false;
        return inPacket(a) && inPacket(b)
                || a.region().kind() == BaseKind.STACK && a.region().equals(b.region());
    }

    private static boolean inPacket(Pointer pointer) {
        var kind = pointer.region().kind();
        return kind == BaseKind.PACKET || kind == BaseKind.PACKET_END;
    }

    private Pointer moved(int slot, int register, Pointer pointer, Scalar by, boolean subtract) throws Refusal {
        if (pointer.orNull())
            throw new Refusal(
                    slot, name(register) + " " + pointer + ": arithmetic on it", "compare it with null before");
        if (!pointer.region().movable())
            throw new Refusal(slot, name(register) + " " + pointer + ": no arithmetic on such a pointer");
        if (by.range().isConstant()) {
            // The number decides where the pointer points.
            Origin.need(by.origin());
            long constant = subtract ? -by.range().constant() : by.range().constant();
            return new Pointer(
                    pointer.region(),
                    false,
                    pointer.offset() + constant,
                    pointer.variable(),
                    pointer.id(),
                    pointer.verified(),
                    pointer.reference());
        }
        Origin.need(by.origin());
        var variable = subtract
                ? pointer.variable().subtract(by.range())
                : pointer.variable().add(by.range());
        int id = pointer.region().kind() == BaseKind.PACKET ? newId.getAsInt() : 0;
        return new Pointer(pointer.region(), false, pointer.offset(), variable, id, 0, pointer.reference());
    }

    private static Range number(Alu alu, Range a, Range b) {
        boolean is64 = alu.is64();
        return switch (alu.op()) {
            case ADD -> a.add(b);
            case SUB -> a.subtract(b);
            case MUL -> a.multiply(b);
            case DIV -> a.divide(b, is64);
            case SDIV -> a.divideSigned(b, is64);
            case OR -> a.or(b);
            case AND -> a.and(b);
            case LSH -> a.shiftLeft(b, is64);
            case RSH -> a.shiftRight(b, is64);
            case NEG -> a.negate();
            case MOD -> a.remainder(b, is64);
            case SMOD -> a.remainderSigned(b, is64);
            case XOR -> a.xor(b);
            case ARSH -> a.shiftRightSigned(b, is64);
            case MOV, MOVSX8, MOVSX16, MOVSX32 -> b;
        };
    }

    private static Range narrow(Range range, Alu alu) {
        return alu.is64() ? range : range.low32();
    }

    private static Refusal onPointer(int slot, int register, Value value, Alu alu) {
        String what = alu.is64() ? "no such arithmetic on pointers" : "32-bit arithmetic would make a number of it";
        return new Refusal(slot, name(register) + " " + value + ": " + what);
    }

    /** @return a scalar or a pointer */
    static Value usable(State state, int register) throws Refusal {
        var value = state.get(register);
        if (value instanceof Value.Unusable unusable)
            throw new Refusal(state.slot, name(register) + " " + unusable.why());
        return value;
    }

    static String name(int register) {
        return "R" + register;
    }
}
