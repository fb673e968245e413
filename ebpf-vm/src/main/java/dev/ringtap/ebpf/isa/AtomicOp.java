// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** Atomic operations on memory; the last two always fetch. */
public enum AtomicOp {
    ADD(0x00, "+=", "fetch_add"),
    OR(0x40, "|=", "fetch_or"),
    AND(0x50, "&=", "fetch_and"),
    XOR(0xA0, "^=", "fetch_xor"),
    XCHG(0xE0, "=", "xchg"),
    /** Compares with r0, which receives what was there. */
    CMPXCHG(0xF0, "=", "cmpxchg");

    /** Added to the code: the source register, or r0, receives what was in memory before. */
    static final int FETCH = 1;

    private final int code;
    private final String symbol;
    private final String verb;

    AtomicOp(int code, String symbol, String verb) {
        this.code = code;
        this.symbol = symbol;
        this.verb = verb;
    }

    /** In the immediate field, without {@link #FETCH}. */
    int code() {
        return code;
    }

    String symbol() {
        return symbol;
    }

    String verb() {
        return verb;
    }
}
