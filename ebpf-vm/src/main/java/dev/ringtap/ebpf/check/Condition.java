// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/**
 * A comparison that a conditional jump makes, and what it says about the numbers compared. {@link #opposite} is what is
 * known when the jump is not taken.
 */
enum Condition {
    EQUAL,
    NOT_EQUAL,
    ABOVE,
    ABOVE_OR_EQUAL,
    BELOW,
    BELOW_OR_EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    ANY_BIT,
    NO_BIT;

    /** Both operands, as they can be if the condition holds. */
    record Operands(Range left, Range right) {}

    Condition opposite() {
        return switch (this) {
            case EQUAL -> NOT_EQUAL;
            case NOT_EQUAL -> EQUAL;
            case ABOVE -> BELOW_OR_EQUAL;
            case ABOVE_OR_EQUAL -> BELOW;
            case BELOW -> ABOVE_OR_EQUAL;
            case BELOW_OR_EQUAL -> ABOVE;
            case GREATER -> LESS_OR_EQUAL;
            case GREATER_OR_EQUAL -> LESS;
            case LESS -> GREATER_OR_EQUAL;
            case LESS_OR_EQUAL -> GREATER;
            case ANY_BIT -> NO_BIT;
            case NO_BIT -> ANY_BIT;
        };
    }

    /** The same comparison with its operands exchanged. */
    Condition mirrored() {
        return switch (this) {
            case ABOVE -> BELOW;
            case ABOVE_OR_EQUAL -> BELOW_OR_EQUAL;
            case BELOW -> ABOVE;
            case BELOW_OR_EQUAL -> ABOVE_OR_EQUAL;
            case GREATER -> LESS;
            case GREATER_OR_EQUAL -> LESS_OR_EQUAL;
            case LESS -> GREATER;
            case LESS_OR_EQUAL -> GREATER_OR_EQUAL;
            case EQUAL, NOT_EQUAL, ANY_BIT, NO_BIT -> this;
        };
    }

    boolean holds(long left, long right, boolean is64) {
        long a = is64 ? left : (int) left;
        long b = is64 ? right : (int) right;
        int unsigned = Long.compareUnsigned(is64 ? a : a & 0xFFFF_FFFFL, is64 ? b : b & 0xFFFF_FFFFL);
        return switch (this) {
            case EQUAL -> a == b;
            case NOT_EQUAL -> a != b;
            case ABOVE -> unsigned > 0;
            case ABOVE_OR_EQUAL -> unsigned >= 0;
            case BELOW -> unsigned < 0;
            case BELOW_OR_EQUAL -> unsigned <= 0;
            case GREATER -> a > b;
            case GREATER_OR_EQUAL -> a >= b;
            case LESS -> a < b;
            case LESS_OR_EQUAL -> a <= b;
            case ANY_BIT -> (a & b) != 0;
            case NO_BIT -> (a & b) == 0;
        };
    }

    /** @return null if the condition cannot hold for any of these numbers */
    Operands refine(Range left, Range right, boolean is64) {
        return switch (this) {
            case EQUAL -> equal(left, right, is64);
            case NOT_EQUAL -> operands(different(left, right, is64), different(right, left, is64));
            case BELOW -> below(left, right, is64, true);
            case BELOW_OR_EQUAL -> below(left, right, is64, false);
            case LESS -> less(left, right, is64, true);
            case LESS_OR_EQUAL -> less(left, right, is64, false);
            case ABOVE, ABOVE_OR_EQUAL, GREATER, GREATER_OR_EQUAL -> {
                var refined = mirrored().refine(right, left, is64);
                yield refined == null ? null : new Operands(refined.right, refined.left);
            }
            case ANY_BIT -> operands(anyBit(left, right, is64), anyBit(right, left, is64));
            case NO_BIT -> operands(noBit(left, right, is64), noBit(right, left, is64));
        };
    }

    private static Operands operands(Range left, Range right) {
        return left == null || right == null ? null : new Operands(left, right);
    }

    private static Operands equal(Range left, Range right, boolean is64) {
        if (is64) {
            var both = left.intersect(right);
            return operands(both, both);
        }
        return operands(equalLow(left, right), equalLow(right, left));
    }

    private static Range equalLow(Range range, Range other) {
        var low = other.bits().truncate(32);
        var bits = range.bits().intersect(new Tnum(low.value(), low.mask() | 0xFFFF_FFFF_0000_0000L));
        return bits == null
                ? null
                : Range.settle(bits, range.whole(), range.low().intersect(other.low()));
    }

    /** A constant can only be taken away from a range at its ends. */
    private static Range different(Range range, Range other, boolean is64) {
        var constant = other.bounds(is64);
        if (constant.umin() != constant.umax()) return range;
        var bounds = range.bounds(is64);
        long umin = bounds.umin();
        long umax = bounds.umax();
        long smin = bounds.smin();
        long smax = bounds.smax();
        if (umin == umax && umin == constant.umin()) return null;
        if (umin == constant.umin()) umin++;
        if (umax == constant.umin()) umax--;
        if (smin == constant.smin() && smin < smax) smin++;
        if (smax == constant.smin() && smin < smax) smax--;
        return range.with(new Bounds(bounds.bits(), umin, umax, smin, smax));
    }

    private static Operands below(Range left, Range right, boolean is64, boolean strictly) {
        var l = left.bounds(is64);
        var r = right.bounds(is64);
        long step = strictly ? 1 : 0;
        // Nothing is below zero or above the largest number.
        if (strictly && (r.umax() == 0 || l.umin() == Bounds.unknown(l.bits()).umax())) return null;
        return operands(
                left.with(l.intersectUnsigned(0, r.umax() - step)),
                right.with(r.intersectUnsigned(
                        l.umin() + step, Bounds.unknown(r.bits()).umax())));
    }

    private static Operands less(Range left, Range right, boolean is64, boolean strictly) {
        var l = left.bounds(is64);
        var r = right.bounds(is64);
        var all = Bounds.unknown(l.bits());
        long step = strictly ? 1 : 0;
        if (strictly && (r.smax() == all.smin() || l.smin() == all.smax())) return null;
        return operands(
                left.with(l.intersectSigned(all.smin(), r.smax() - step)),
                right.with(r.intersectSigned(l.smin() + step, all.smax())));
    }

    private static Range anyBit(Range range, Range tested, boolean is64) {
        var bits = is64 ? tested.bits() : tested.bits().truncate(32);
        // Sign extension of an immediate of a 32-bit test concerns no bit that is tested.
        long possible = bits.max() & range.bits().max();
        if (possible == 0) return null;
        if (!bits.isConstant() || Long.bitCount(bits.value()) != 1) return range;
        long bit = bits.value();
        var known = new Tnum(range.bits().value() | bit, range.bits().mask() & ~bit);
        return Range.settle(known, range.whole(), range.low());
    }

    private static Range noBit(Range range, Range tested, boolean is64) {
        var bits = is64 ? tested.bits() : tested.bits().truncate(32);
        long cleared = bits.value();
        if ((range.bits().value() & cleared) != 0) return null;
        var known = new Tnum(range.bits().value(), range.bits().mask() & ~cleared);
        return Range.settle(known, range.whole(), range.low());
    }
}
