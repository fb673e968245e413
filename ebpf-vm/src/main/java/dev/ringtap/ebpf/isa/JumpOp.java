// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** Conditions of a jump; GT to LE compare without a sign, SGT to SLE with one. */
public enum JumpOp {
    EQ("=="),
    GT(">"),
    GE(">="),
    /** A bit of the operand is set. */
    SET("&"),
    NE("!="),
    SGT("s>"),
    SGE("s>="),
    LT("<"),
    LE("<="),
    SLT("s<"),
    SLE("s<=");

    private final String symbol;

    JumpOp(String symbol) {
        this.symbol = symbol;
    }

    public String symbol() {
        return symbol;
    }

    /** Of two 64-bit values; 32-bit jumps extend theirs before, with a sign for the signed conditions. */
    public boolean holds(long left, long right) {
        return switch (this) {
            case EQ -> left == right;
            case NE -> left != right;
            case SET -> (left & right) != 0;
            case GT -> Long.compareUnsigned(left, right) > 0;
            case GE -> Long.compareUnsigned(left, right) >= 0;
            case LT -> Long.compareUnsigned(left, right) < 0;
            case LE -> Long.compareUnsigned(left, right) <= 0;
            case SGT -> left > right;
            case SGE -> left >= right;
            case SLT -> left < right;
            case SLE -> left <= right;
        };
    }

    public boolean isSigned() {
        return this == SGT || this == SGE || this == SLT || this == SLE;
    }
}
