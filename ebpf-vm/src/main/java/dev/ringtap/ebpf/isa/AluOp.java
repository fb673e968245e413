// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** Arithmetic. The signed and the sign-extending ones share a code with a plain one and differ by the offset field. */
public enum AluOp {
    ADD("+="),
    SUB("-="),
    MUL("*="),
    DIV("/="),
    SDIV("s/="),
    OR("|="),
    AND("&="),
    LSH("<<="),
    RSH(">>="),
    NEG("-"),
    MOD("%="),
    SMOD("s%="),
    XOR("^="),
    MOV("="),
    /** The register's low 8 bits, sign-extended. */
    MOVSX8("= (s8)"),
    MOVSX16("= (s16)"),
    MOVSX32("= (s32)"),
    ARSH("s>>=");

    private final String symbol;

    AluOp(String symbol) {
        this.symbol = symbol;
    }

    /** As it stands in a listing, between destination and source. */
    public String symbol() {
        return symbol;
    }

    /** Whether the result does not depend on what the destination held. */
    public boolean isMove() {
        return this == MOV || this == MOVSX8 || this == MOVSX16 || this == MOVSX32;
    }
}
