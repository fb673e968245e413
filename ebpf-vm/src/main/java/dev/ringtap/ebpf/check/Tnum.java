// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/**
 * A tristate number: 64 bits of which each is known to be 0, known to be 1, or unknown. Stands for every number that
 * agrees with it in the known bits.
 *
 * @param value the bits known to be 1; 0 where the bit is unknown
 * @param mask the unknown bits
 */
record Tnum(long value, long mask) {
    static final Tnum UNKNOWN = new Tnum(0, -1);

    Tnum {
        assert (value & mask) == 0;
    }

    static Tnum of(long constant) {
        return new Tnum(constant, 0);
    }

    /** The closest tristate number that holds all of an unsigned range: what its ends have in common from the top. */
    static Tnum ofRange(long unsignedMin, long unsignedMax) {
        long unknown = belowTopBit(unsignedMin ^ unsignedMax);
        return new Tnum(unsignedMin & ~unknown, unknown);
    }

    boolean isConstant() {
        return mask == 0;
    }

    /** The largest number it stands for, unsigned; the smallest is {@link #value}. */
    long max() {
        return value | mask;
    }

    boolean contains(long number) {
        return (number & ~mask) == value;
    }

    boolean contains(Tnum other) {
        return (other.mask & ~mask) == 0 && contains(other.value);
    }

    /** What is known by either, or null if they contradict each other. */
    Tnum intersect(Tnum other) {
        if (((value ^ other.value) & ~(mask | other.mask)) != 0) return null;
        return new Tnum(value | other.value, mask & other.mask);
    }

    Tnum union(Tnum other) {
        long unknown = mask | other.mask | value ^ other.value;
        return new Tnum(value & ~unknown, unknown);
    }

    /** Zero-extended from {@code bits}. */
    Tnum truncate(int bits) {
        if (bits == 64) return this;
        long low = (1L << bits) - 1;
        return new Tnum(value & low, mask & low);
    }

    Tnum add(Tnum other) {
        // A carry is unknown where that of the smallest sum and that of the largest differ.
        long smallest = value + other.value;
        long largest = max() + other.max();
        return known(smallest, smallest ^ largest | mask | other.mask);
    }

    Tnum subtract(Tnum other) {
        long difference = value - other.value;
        long largest = difference + mask;
        long smallest = difference - other.mask;
        return known(difference, smallest ^ largest | mask | other.mask);
    }

    /** Long multiplication: one summand for each bit of this number that is not known to be 0. */
    Tnum multiply(Tnum other) {
        var sum = of(0);
        for (long bits = max(); bits != 0; bits &= bits - 1) {
            int bit = Long.numberOfTrailingZeros(bits);
            boolean certain = (value >>> bit & 1) != 0;
            sum = sum.add(certain ? other.shiftLeft(bit) : new Tnum(0, other.max() << bit));
        }
        return sum;
    }

    Tnum and(Tnum other) {
        long ones = value & other.value;
        return new Tnum(ones, max() & other.max() & ~ones);
    }

    Tnum or(Tnum other) {
        long ones = value | other.value;
        return new Tnum(ones, (mask | other.mask) & ~ones);
    }

    Tnum xor(Tnum other) {
        return known(value ^ other.value, mask | other.mask);
    }

    Tnum shiftLeft(int by) {
        return new Tnum(value << by, mask << by);
    }

    Tnum shiftRight(int by) {
        return new Tnum(value >>> by, mask >>> by);
    }

    Tnum shiftRightSigned(int by) {
        // An unknown sign makes every bit shifted in unknown; the shift of the mask does that.
        return new Tnum(value >> by, mask >> by);
    }

    Tnum reverseBytes() {
        return new Tnum(Long.reverseBytes(value), Long.reverseBytes(mask));
    }

    private static Tnum known(long bits, long unknown) {
        return new Tnum(bits & ~unknown, unknown);
    }

    private static long belowTopBit(long bits) {
        return bits == 0 ? 0 : -1L >>> Long.numberOfLeadingZeros(bits);
    }
}
