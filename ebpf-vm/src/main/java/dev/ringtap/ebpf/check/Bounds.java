// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/**
 * Between which numbers a value of {@code bits} bits lies, read unsigned and read signed. With 32 bits, the unsigned
 * ends are kept zero-extended and the signed ends sign-extended, so both are plain numbers.
 *
 * @param bits 32 or 64
 */
record Bounds(int bits, long umin, long umax, long smin, long smax) {
    static final Bounds UNKNOWN_64 = new Bounds(64, 0, -1, Long.MIN_VALUE, Long.MAX_VALUE);
    static final Bounds UNKNOWN_32 = new Bounds(32, 0, 0xFFFF_FFFFL, Integer.MIN_VALUE, Integer.MAX_VALUE);

    static Bounds unknown(int bits) {
        return bits == 64 ? UNKNOWN_64 : UNKNOWN_32;
    }

    static Bounds of(int bits, long constant) {
        long unsigned = bits == 64 ? constant : constant & 0xFFFF_FFFFL;
        long signed = bits == 64 ? constant : (int) constant;
        return new Bounds(bits, unsigned, unsigned, signed, signed);
    }

    private static Bounds unsigned(int bits, long min, long max) {
        var all = unknown(bits);
        return new Bounds(bits, min, max, all.smin, all.smax);
    }

    private static Bounds signed(int bits, long min, long max) {
        var all = unknown(bits);
        return new Bounds(bits, all.umin, all.umax, min, max);
    }

    boolean isEmpty() {
        return Long.compareUnsigned(umin, umax) > 0 || smin > smax;
    }

    boolean contains(long number) {
        var constant = of(bits, number);
        return Long.compareUnsigned(umin, constant.umin) <= 0
                && Long.compareUnsigned(constant.umin, umax) <= 0
                && smin <= constant.smin
                && constant.smin <= smax;
    }

    boolean contains(Bounds other) {
        return Long.compareUnsigned(umin, other.umin) <= 0
                && Long.compareUnsigned(other.umax, umax) <= 0
                && smin <= other.smin
                && other.smax <= smax;
    }

    /** Maybe {@linkplain #isEmpty empty}. */
    Bounds intersect(Bounds other) {
        return new Bounds(
                bits,
                maxUnsigned(umin, other.umin),
                minUnsigned(umax, other.umax),
                Math.max(smin, other.smin),
                Math.min(smax, other.smax));
    }

    Bounds union(Bounds other) {
        return new Bounds(
                bits,
                minUnsigned(umin, other.umin),
                maxUnsigned(umax, other.umax),
                Math.min(smin, other.smin),
                Math.max(smax, other.smax));
    }

    Bounds intersectUnsigned(long min, long max) {
        return intersect(unsigned(bits, min, max));
    }

    Bounds intersectSigned(long min, long max) {
        return intersect(signed(bits, min, max));
    }

    /** Each reading tightened by the other, where all numbers between its ends have the same sign. */
    Bounds settle() {
        var settled = this;
        if (smin >= 0 || smax < 0) settled = settled.intersectUnsigned(asUnsigned(smin), asUnsigned(smax));
        long firstSigned = asSigned(settled.umin);
        long lastSigned = asSigned(settled.umax);
        if (firstSigned >= 0 == lastSigned >= 0) settled = settled.intersectSigned(firstSigned, lastSigned);
        return settled;
    }

    Bounds add(Bounds other) {
        long low = umin + other.umin;
        long high = umax + other.umax;
        boolean sameCarry = bits == 64
                ? Long.compareUnsigned(low, umin) < 0 == Long.compareUnsigned(high, umax) < 0
                : low >>> 32 == high >>> 32;
        var sum = sameCarry ? unsigned(bits, asUnsigned(low), asUnsigned(high)) : unknown(bits);
        long least = smin + other.smin;
        long most = smax + other.smax;
        boolean overflow = bits == 64
                ? ((smin ^ least) & (other.smin ^ least) | (smax ^ most) & (other.smax ^ most)) < 0
                : least != (int) least || most != (int) most;
        return overflow ? sum : sum.intersectSigned(least, most);
    }

    Bounds subtract(Bounds other) {
        long low = umin - other.umax;
        long high = umax - other.umin;
        boolean sameBorrow = bits == 64
                ? Long.compareUnsigned(umin, other.umax) < 0 == Long.compareUnsigned(umax, other.umin) < 0
                : low >> 32 == high >> 32;
        var difference = sameBorrow ? unsigned(bits, asUnsigned(low), asUnsigned(high)) : unknown(bits);
        long least = smin - other.smax;
        long most = smax - other.smin;
        boolean overflow = bits == 64
                ? ((smin ^ other.smax) & (smin ^ least) | (smax ^ other.smin) & (smax ^ most)) < 0
                : least != (int) least || most != (int) most;
        return overflow ? difference : difference.intersectSigned(least, most);
    }

    Bounds multiply(Bounds other) {
        long high = umax * other.umax;
        boolean fits = Math.unsignedMultiplyHigh(umax, other.umax) == 0 && (bits == 64 || high >>> 32 == 0);
        var product = fits ? unsigned(bits, umin * other.umin, high) : unknown(bits);
        long least = Long.MAX_VALUE;
        long most = Long.MIN_VALUE;
        for (long a : new long[] {smin, smax}) {
            for (long b : new long[] {other.smin, other.smax}) {
                long corner = a * b;
                if (Math.multiplyHigh(a, b) != corner >> 63 || bits == 32 && corner != (int) corner) return product;
                least = Math.min(least, corner);
                most = Math.max(most, corner);
            }
        }
        return product.intersectSigned(least, most);
    }

    /** Unsigned; division by zero gives zero. */
    Bounds divide(Bounds divisor) {
        if (divisor.umin == 0) return unsigned(bits, 0, umax);
        return unsigned(bits, Long.divideUnsigned(umin, divisor.umax), Long.divideUnsigned(umax, divisor.umin));
    }

    /** Unsigned; the remainder of a division by zero is the dividend. */
    Bounds remainder(Bounds divisor) {
        if (divisor.umin == 0) return unsigned(bits, 0, umax);
        if (Long.compareUnsigned(umax, divisor.umin) < 0) return this;
        return unsigned(bits, 0, minUnsigned(umax, divisor.umax - 1));
    }

    Bounds and(Bounds other) {
        return unsigned(bits, 0, minUnsigned(umax, other.umax));
    }

    Bounds or(Bounds other) {
        return unsigned(bits, maxUnsigned(umin, other.umin), unknown(bits).umax);
    }

    /** Shift counts as the instruction sees them, below {@link #bits}. */
    Bounds shiftLeft(int least, int most) {
        boolean fits = umax << most >>> most == umax && (bits == 64 || umax << most >>> 32 == 0);
        var shifted = fits ? unsigned(bits, umin << least, umax << most) : unknown(bits);
        if (least != most) return shifted;
        long low = smin << least;
        long high = smax << least;
        boolean signedFits = low >> least == smin && high >> least == smax;
        if (bits == 32) signedFits &= low == (int) low && high == (int) high;
        return signedFits ? shifted.intersectSigned(low, high) : shifted;
    }

    Bounds shiftRight(int least, int most) {
        return unsigned(bits, umin >>> most, umax >>> least);
    }

    Bounds shiftRightSigned(int least, int most) {
        return signed(bits, Math.min(smin >> least, smin >> most), Math.max(smax >> least, smax >> most));
    }

    private long asUnsigned(long number) {
        return bits == 64 ? number : number & 0xFFFF_FFFFL;
    }

    private long asSigned(long number) {
        return bits == 64 ? number : (int) number;
    }

    static long minUnsigned(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? a : b;
    }

    static long maxUnsigned(long a, long b) {
        return Long.compareUnsigned(a, b) > 0 ? a : b;
    }
}
