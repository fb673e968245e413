// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static dev.ringtap.ebpf.check.Arithmetic.name;
import static dev.ringtap.ebpf.check.Arithmetic.usable;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.JumpOp;

/** Which ways a conditional jump may go, and what is known on each. */
final class Branches {
    /** More than any packet has; beyond, sums of offsets could overflow. */
    private static final int PACKET_BYTES_MAX = 0xFFFF;

    /** Of arithmetic on pointers, as in the kernel (BPF_MAX_VAR_OFF). Here a pointer further away may only not be used. */
    private static final long NEAR_BYTES = 1L << 29;

    private Branches() {}

    /** Both ways, null for one that cannot be taken. Neither can where the path itself is impossible. */
    record Ways(State taken, State notTaken) {}

    static Ways of(State state, Jump jump) throws Refusal {
        var left = usable(state, jump.dst());
        var right = jump.register() ? usable(state, jump.src()) : Scalar.of(jump.imm());
        var condition = condition(jump.op());
        if (left instanceof Scalar a && right instanceof Scalar b) return compare(state, jump, condition, a, b);
        if (jump.is64()) {
            boolean equality = condition == Condition.EQUAL || condition == Condition.NOT_EQUAL;
            if (equality && left instanceof Pointer pointer && isNull(right))
                return nullCheck(state, pointer, condition);
            if (equality && right instanceof Pointer pointer && isNull(left))
                return nullCheck(state, pointer, condition);
            if (left instanceof Pointer a && right instanceof Pointer b) {
                if (ends(a, b)) return packetCheck(state, condition, a);
                if (ends(b, a)) return packetCheck(state, condition.mirrored(), b);
                if (comparable(a, b)) return new Ways(state.copy(), state);
            }
        }
        boolean pointerLeft = left instanceof Pointer;
        throw new Refusal(
                state.slot,
                name(pointerLeft ? jump.dst() : jump.src()) + " " + (pointerLeft ? left : right)
                        + ": such a comparison is not for pointers");
    }

    private static Ways compare(State state, Jump jump, Condition condition, Scalar a, Scalar b) {
        var ifTaken = condition.refine(a.range(), b.range(), jump.is64());
        var ifNot = condition.opposite().refine(a.range(), b.range(), jump.is64());
        if (ifTaken == null || ifNot == null) {
            // The numbers decided the branch, so a path that wants to end where this one was must have such, too.
            Origin.need(a.origin());
            Origin.need(b.origin());
        }
        var taken = ifTaken == null ? null : ifNot == null ? state : state.copy();
        if (taken != null) learn(taken, jump, a, b, ifTaken);
        if (ifNot != null) learn(state, jump, a, b, ifNot);
        return new Ways(taken, ifNot == null ? null : state);
    }

    private static void learn(State state, Jump jump, Scalar a, Scalar b, Condition.Operands operands) {
        var origin = Origin.of(a.origin(), b.origin());
        if (jump.register()) learn(state, jump.src(), b, operands.right(), origin);
        learn(state, jump.dst(), a, operands.left(), origin);
    }

    private static void learn(State state, int register, Scalar number, Range range, Origin origin) {
        if (range.equals(number.range())) return;
        state.set(register, number.with(range, origin));
        state.refine(number, range, origin);
    }

    /** Whether it is the number 0. Then that matters: with another number, the comparison says nothing about a pointer. */
    private static boolean isNull(Value value) {
        if (!(value instanceof Scalar number) || !number.range().isZero()) return false;
        Origin.need(number.origin());
        return true;
    }

    private static Ways nullCheck(State state, Pointer pointer, Condition condition) {
        State isNull = null;
        if (pointer.orNull()) {
            isNull = state.copy();
            isNull.refine(pointer, true);
            state.refine(pointer, false);
        } else if (pointer.region().movable() && !isNear(pointer)) {
            isNull = state.copy();
        }
        return condition == Condition.EQUAL ? new Ways(isNull, state) : new Ways(state, isNull);
    }

    /**
     * Whether it is so near to the beginning of what it points at that it cannot be 0. A region takes 4 GiB of addresses,
     * and the first of them are nobody's, so that what arithmetic made 0 was moved further than this.
     */
    private static boolean isNear(Pointer pointer) {
        var distance = pointer.distance().whole();
        return distance.smin() >= -NEAR_BYTES && distance.smax() <= NEAR_BYTES;
    }

    private static boolean ends(Pointer pointer, Pointer end) {
        return pointer.region().kind() == BaseKind.PACKET && end.region().kind() == BaseKind.PACKET_END;
    }

    /** Whether the order of two pointers may be asked for, though it says nothing. */
    private static boolean comparable(Pointer a, Pointer b) {
        return !a.orNull() && !b.orNull() && a.region().equals(b.region());
    }

    /** {@code condition} compares a pointer into the packet with its end. */
    private static Ways packetCheck(State state, Condition condition, Pointer pointer) {
        var taken = state.copy();
        verify(taken, condition, pointer);
        verify(state, condition.opposite(), pointer);
        return new Ways(taken, state);
    }

    private static void verify(State state, Condition holds, Pointer pointer) {
        int further = switch (holds) {
            case BELOW -> 1;
            case BELOW_OR_EQUAL, EQUAL -> 0;
            default -> -1;
        };
        var distance = pointer.distance().whole();
        boolean sane = pointer.offset() >= 0
                && pointer.offset() <= PACKET_BYTES_MAX
                && pointer.variable().whole().smin() >= 0
                && pointer.variable().whole().smax() <= PACKET_BYTES_MAX
                && distance.smax() <= PACKET_BYTES_MAX;
        if (further < 0 || !sane) return;
        state.refine(pointer, (int) pointer.offset() + further);
    }

    private static Condition condition(JumpOp op) {
        return switch (op) {
            case EQ -> Condition.EQUAL;
            case NE -> Condition.NOT_EQUAL;
            case GT -> Condition.ABOVE;
            case GE -> Condition.ABOVE_OR_EQUAL;
            case LT -> Condition.BELOW;
            case LE -> Condition.BELOW_OR_EQUAL;
            case SGT -> Condition.GREATER;
            case SGE -> Condition.GREATER_OR_EQUAL;
            case SLT -> Condition.LESS;
            case SLE -> Condition.LESS_OR_EQUAL;
            case SET -> Condition.ANY_BIT;
        };
    }
}
