// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/**
 * What the compiler knows of a register or a stack slot.
 *
 * @param detail of {@link Kind#STACK} the offset from the frame's end; of {@link Kind#NUMBER} its value; of
 *     {@link Kind#MAP} the map's index, or {@link #inner} of it. {@link #ANY} if it is not known
 */
record Shape(Kind kind, int detail) {
    enum Kind {
        /** Anything: a pointer of any kind, or a number. */
        UNKNOWN,
        NUMBER,
        CONTEXT,
        STACK,
        PACKET,
        /** Into values of some map, or 0: what a lookup gives. */
        VALUE,
        /** A map itself, or 0 if it is an inner one. */
        MAP
    }

    static final int ANY = Integer.MIN_VALUE;
    static final Shape UNKNOWN = new Shape(Kind.UNKNOWN, ANY);
    static final Shape NUMBER = new Shape(Kind.NUMBER, ANY);
    static final Shape ZERO = new Shape(Kind.NUMBER, 0);
    static final Shape CONTEXT = new Shape(Kind.CONTEXT, ANY);
    static final Shape PACKET = new Shape(Kind.PACKET, ANY);
    static final Shape VALUE = new Shape(Kind.VALUE, ANY);

    static Shape number(int value) {
        return new Shape(Kind.NUMBER, value);
    }

    static Shape stack(int offset) {
        return new Shape(Kind.STACK, offset);
    }

    static Shape map(int index) {
        return new Shape(Kind.MAP, index);
    }

    /** A map that was found in the map of maps with that index. */
    static Shape inner(int index) {
        return new Shape(Kind.MAP, -1 - index);
    }

    boolean is(Kind kind) {
        return this.kind == kind;
    }

    boolean isExact() {
        return detail != ANY;
    }

    /** Whether a number may be added and the pointer stays in its region. */
    boolean isMovable() {
        return kind == Kind.STACK || kind == Kind.PACKET || kind == Kind.VALUE;
    }

    /** What is true of both. */
    Shape join(Shape other) {
        if (equals(other)) return this;
        return kind == other.kind && kind != Kind.MAP ? new Shape(kind, ANY) : UNKNOWN;
    }

    Shape plus(Shape other) {
        if (is(Kind.NUMBER) && (other.isMovable() || other.is(Kind.NUMBER))) return other.moved(this, 1);
        if (other.is(Kind.NUMBER) && isMovable()) return moved(other, 1);
        return UNKNOWN;
    }

    Shape minus(Shape other) {
        if (other.is(Kind.NUMBER) && (isMovable() || is(Kind.NUMBER))) return moved(other, -1);
        // The distance of two pointers.
        if (isMovable() && kind == other.kind) return NUMBER;
        return UNKNOWN;
    }

    private Shape moved(Shape number, int sign) {
        if (!isExact() || !number.isExact()) return new Shape(kind, ANY);
        long sum = detail + (long) sign * number.detail;
        // Small ones only: then no sum of offsets overflows.
        boolean small = Math.abs(sum) <= 1 << 20 && Math.abs((long) number.detail) <= 1 << 20;
        return new Shape(kind, small ? (int) sum : ANY);
    }
}
