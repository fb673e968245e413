// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/**
 * What is known of a 64-bit number: its bits, and the bounds of the whole and of its low half, which 32-bit
 * instructions work on. Never empty: an operation whose result would hold no number answers with null.
 *
 * <p>Every operation answers with a range that holds the result for all numbers of its operands. It may hold more.
 */
final class Range {
    static final Range UNKNOWN = new Range(Tnum.UNKNOWN, Bounds.UNKNOWN_64, Bounds.UNKNOWN_32);
    static final Range ZERO = of(0);

    // More rounds have never been seen to help; each is sound on its own.
    private static final int ROUNDS_MAX = 3;

    private final Tnum bits;
    private final Bounds whole;
    private final Bounds low;

    private Range(Tnum bits, Bounds whole, Bounds low) {
        this.bits = bits;
        this.whole = whole;
        this.low = low;
    }

    static Range of(long constant) {
        return new Range(Tnum.of(constant), Bounds.of(64, constant), Bounds.of(32, constant));
    }

    static Range ofUnsigned(long min, long max) {
        return result(Tnum.UNKNOWN, Bounds.UNKNOWN_64.intersectUnsigned(min, max), Bounds.UNKNOWN_32);
    }

    static Range ofSigned(long min, long max) {
        return result(Tnum.UNKNOWN, Bounds.UNKNOWN_64.intersectSigned(min, max), Bounds.UNKNOWN_32);
    }

    static Range ofBits(Tnum bits) {
        return result(bits, Bounds.UNKNOWN_64, Bounds.UNKNOWN_32);
    }

    /** Any number of so many bytes, zero-extended. */
    static Range ofBytes(int bytes) {
        return bytes == 8 ? UNKNOWN : ofUnsigned(0, (1L << 8 * bytes) - 1);
    }

    /** @return null if the parts contradict each other */
    static Range settle(Tnum bits, Bounds whole, Bounds low) {
        for (int round = 0; round < ROUNDS_MAX; round++) {
            var wholeBefore = whole;
            var lowBefore = low;
            var bitsBefore = bits;
            whole = settle(whole, bits);
            low = settle(low, bits.truncate(32));
            if (whole.isEmpty() || low.isEmpty()) return null;
            // The low halves of a range whose high halves are all the same are a range, too.
            if (whole.umin() >>> 32 == whole.umax() >>> 32)
                low = low.intersectUnsigned(whole.umin() & 0xFFFF_FFFFL, whole.umax() & 0xFFFF_FFFFL);
            if (whole.smin() == (int) whole.smin() && whole.smax() == (int) whole.smax()) {
                low = low.intersectSigned(whole.smin(), whole.smax());
                whole = whole.intersectSigned(low.smin(), low.smax());
            }
            if (whole.umin() >>> 32 == whole.umax() >>> 32) {
                long high = whole.umin() & 0xFFFF_FFFF_0000_0000L;
                whole = whole.intersectUnsigned(high | low.umin(), high | low.umax());
            }
            if (whole.isEmpty() || low.isEmpty()) return null;
            bits = bits.intersect(Tnum.ofRange(whole.umin(), whole.umax()));
            if (bits == null) return null;
            var lowBits = Tnum.ofRange(low.umin(), low.umax());
            bits = bits.intersect(new Tnum(lowBits.value(), lowBits.mask() | 0xFFFF_FFFF_0000_0000L));
            if (bits == null) return null;
            if (bits.equals(bitsBefore) && whole.equals(wholeBefore) && low.equals(lowBefore)) break;
        }
        return new Range(bits, whole, low);
    }

    private static Bounds settle(Bounds bounds, Tnum bits) {
        long sign = bounds.bits() == 64 ? Long.MIN_VALUE : 1L << 31;
        long least = bits.value() | bits.mask() & sign;
        long most = bits.value() | bits.mask() & ~sign;
        if (bounds.bits() == 32) {
            least = (int) least;
            most = (int) most;
        }
        return bounds.intersectUnsigned(bits.value(), bits.max())
                .intersectSigned(least, most)
                .settle();
    }

    Tnum bits() {
        return bits;
    }

    Bounds whole() {
        return whole;
    }

    Bounds low() {
        return low;
    }

    Bounds bounds(boolean is64) {
        return is64 ? whole : low;
    }

    boolean isConstant() {
        return bits.isConstant();
    }

    /** Only of a {@linkplain #isConstant constant}. */
    long constant() {
        return bits.value();
    }

    boolean isZero() {
        return bits.isConstant() && bits.value() == 0;
    }

    boolean isUnknown() {
        return equals(UNKNOWN);
    }

    boolean contains(long number) {
        return bits.contains(number) && whole.contains(number) && low.contains(number);
    }

    boolean contains(Range other) {
        return this == other || bits.contains(other.bits) && whole.contains(other.whole) && low.contains(other.low);
    }

    /** Null if there is no number in both. */
    Range intersect(Range other) {
        var common = bits.intersect(other.bits);
        return common == null ? null : settle(common, whole.intersect(other.whole), low.intersect(other.low));
    }

    Range union(Range other) {
        return result(bits.union(other.bits), whole.union(other.whole), low.union(other.low));
    }

    Range with(Bounds bounds) {
        return bounds.bits() == 64
                ? settle(bits, whole.intersect(bounds), low)
                : settle(bits, whole, low.intersect(bounds));
    }

    /** The low half, zero-extended. */
    Range low32() {
        return fromLow(bits, low);
    }

    Range add(Range other) {
        return result(bits.add(other.bits), whole.add(other.whole), low.add(other.low));
    }

    Range subtract(Range other) {
        return result(bits.subtract(other.bits), whole.subtract(other.whole), low.subtract(other.low));
    }

    Range multiply(Range other) {
        return result(bits.multiply(other.bits), whole.multiply(other.whole), low.multiply(other.low));
    }

    Range divide(Range divisor, boolean is64) {
        return is64
                ? result(Tnum.UNKNOWN, whole.divide(divisor.whole), Bounds.UNKNOWN_32)
                : fromLow(Tnum.UNKNOWN, low.divide(divisor.low));
    }

    Range remainder(Range divisor, boolean is64) {
        return is64
                ? result(Tnum.UNKNOWN, whole.remainder(divisor.whole), Bounds.UNKNOWN_32)
                : fromLow(Tnum.UNKNOWN, low.remainder(divisor.low));
    }

    Range divideSigned(Range divisor, boolean is64) {
        if (!is64) {
            if (!signedConstants(low, divisor.low)) return fromLow(Tnum.UNKNOWN, Bounds.UNKNOWN_32);
            long by = divisor.low.smin();
            return of((by == 0 ? 0 : low.smin() / by) & 0xFFFF_FFFFL);
        }
        if (!isConstant() || !divisor.isConstant()) return UNKNOWN;
        return of(divisor.constant() == 0 ? 0 : constant() / divisor.constant());
    }

    Range remainderSigned(Range divisor, boolean is64) {
        if (!is64) {
            if (!signedConstants(low, divisor.low)) return fromLow(Tnum.UNKNOWN, Bounds.UNKNOWN_32);
            long by = divisor.low.smin();
            return of((by == 0 ? low.smin() : low.smin() % by) & 0xFFFF_FFFFL);
        }
        if (!isConstant() || !divisor.isConstant()) return UNKNOWN;
        return of(divisor.constant() == 0 ? constant() : constant() % divisor.constant());
    }

    Range and(Range other) {
        return result(bits.and(other.bits), whole.and(other.whole), low.and(other.low));
    }

    Range or(Range other) {
        return result(bits.or(other.bits), whole.or(other.whole), low.or(other.low));
    }

    Range xor(Range other) {
        return result(bits.xor(other.bits), Bounds.UNKNOWN_64, Bounds.UNKNOWN_32);
    }

    Range negate() {
        return ZERO.subtract(this);
    }

    Range shiftLeft(Range count, boolean is64) {
        int least = leastShift(count, is64);
        int most = mostShift(count, is64);
        if (!is64) return fromLow(least == most ? bits.shiftLeft(least) : Tnum.UNKNOWN, low.shiftLeft(least, most));
        return result(
                least == most ? bits.shiftLeft(least) : Tnum.UNKNOWN,
                whole.shiftLeft(least, most),
                // Of a count of 32 or more the low half knows only what the bits say.
                most < 32 ? low.shiftLeft(least, most) : Bounds.UNKNOWN_32);
    }

    Range shiftRight(Range count, boolean is64) {
        int least = leastShift(count, is64);
        int most = mostShift(count, is64);
        if (!is64) {
            var lowBits = bits.truncate(32);
            return fromLow(least == most ? lowBits.shiftRight(least) : Tnum.UNKNOWN, low.shiftRight(least, most));
        }
        return result(
                least == most ? bits.shiftRight(least) : Tnum.UNKNOWN,
                whole.shiftRight(least, most),
                Bounds.UNKNOWN_32);
    }

    Range shiftRightSigned(Range count, boolean is64) {
        int least = leastShift(count, is64);
        int most = mostShift(count, is64);
        if (!is64) {
            var extended = new Tnum((int) bits.value(), (int) bits.mask());
            return fromLow(
                    least == most ? extended.shiftRightSigned(least) : Tnum.UNKNOWN, low.shiftRightSigned(least, most));
        }
        return result(
                least == most ? bits.shiftRightSigned(least) : Tnum.UNKNOWN,
                whole.shiftRightSigned(least, most),
                Bounds.UNKNOWN_32);
    }

    /** The low {@code width} bits, zero-extended. */
    Range zeroExtend(int width) {
        if (width == 64) return this;
        if (width == 32) return low32();
        long most = (1L << width) - 1;
        if (Long.compareUnsigned(whole.umax(), most) <= 0) return this;
        return result(bits.truncate(width), Bounds.UNKNOWN_64, Bounds.UNKNOWN_32);
    }

    /** The low {@code width} bits, sign-extended. */
    Range signExtend(int width) {
        if (width == 64) return this;
        int rest = 64 - width;
        var extended = bits.shiftLeft(rest).shiftRightSigned(rest);
        long most = (1L << width - 1) - 1;
        var signed = Bounds.UNKNOWN_64.intersectSigned(-most - 1, most);
        if (width == 32) signed = signed.intersectSigned(low.smin(), low.smax());
        if (whole.smin() >= -most - 1 && whole.smax() <= most) signed = signed.intersect(whole);
        return result(extended, signed, Bounds.UNKNOWN_32);
    }

    /** The low {@code width} bits with their bytes in the opposite order, zero-extended. */
    Range swapBytes(int width) {
        return ofBits(bits.reverseBytes().shiftRight(64 - width));
    }

    /** {@code bytes} of the number as it lies in memory, from the byte at {@code offset}, zero-extended. */
    Range slice(int offset, int bytes) {
        return shiftRight(of(8L * offset), true).zeroExtend(8 * bytes);
    }

    /**
     * Of an operation. Parts that contradict each other mean that an operand held no number, which went unnoticed:
     * then anything holds all results.
     */
    private static Range result(Tnum bits, Bounds whole, Bounds low) {
        var settled = settle(bits, whole, low);
        return settled == null ? UNKNOWN : settled;
    }

    private static Range fromLow(Tnum bits, Bounds low) {
        return result(bits.truncate(32), Bounds.UNKNOWN_64.intersectUnsigned(low.umin(), low.umax()), low);
    }

    private static boolean signedConstants(Bounds a, Bounds b) {
        return a.smin() == a.smax() && b.smin() == b.smax();
    }

    // A count is taken modulo the width.
    private static int leastShift(Range count, boolean is64) {
        long limit = is64 ? 64 : 32;
        var bounds = count.bounds(is64);
        if (count.bounds(is64).umin() == bounds.umax()) return (int) (bounds.umin() & limit - 1);
        return Long.compareUnsigned(bounds.umax(), limit) < 0 ? (int) bounds.umin() : 0;
    }

    private static int mostShift(Range count, boolean is64) {
        long limit = is64 ? 64 : 32;
        var bounds = count.bounds(is64);
        if (bounds.umin() == bounds.umax()) return (int) (bounds.umin() & limit - 1);
        return Long.compareUnsigned(bounds.umax(), limit) < 0 ? (int) bounds.umax() : (int) limit - 1;
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || other instanceof Range range
                        && bits.equals(range.bits)
                        && whole.equals(range.whole)
                        && low.equals(range.low);
    }

    @Override
    public int hashCode() {
        return bits.hashCode() * 31 + whole.hashCode();
    }

    /** As in messages: {@code 7}, {@code in [0, 255]}, {@code any number}. Says what tells most, not all there is. */
    @Override
    public String toString() {
        if (isConstant()) return Long.toString(constant());
        String text;
        if (Long.compareUnsigned(whole.smax() - whole.smin(), whole.umax() - whole.umin()) <= 0) {
            boolean any = whole.smin() == Long.MIN_VALUE && whole.smax() == Long.MAX_VALUE;
            text = any ? "" : "in [" + whole.smin() + ", " + whole.smax() + "]";
        } else {
            text = "in [" + Long.toUnsignedString(whole.umin()) + ", " + Long.toUnsignedString(whole.umax()) + "]";
        }
        if (text.isEmpty() && !low.equals(Bounds.UNKNOWN_32))
            text = "with 32 bits in [" + low.smin() + ", " + low.smax() + "]";
        if (text.isEmpty()) text = "any number";
        int zeros = Long.numberOfTrailingZeros(bits.max());
        return zeros == 0 ? text : text + ", a multiple of " + (1L << Math.min(zeros, 62));
    }
}
