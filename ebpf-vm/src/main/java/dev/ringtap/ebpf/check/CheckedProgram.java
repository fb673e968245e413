// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.Code;
import java.util.Optional;

/**
 * A program that was checked, and what the check found out. All of it holds on every path, so an engine may build on it.
 */
public final class CheckedProgram {
    private final Code code;
    private final Structure structure;
    private final Facts facts;

    CheckedProgram(Code code, Structure structure, Facts facts) {
        this.code = code;
        this.structure = structure;
        this.facts = facts;
    }

    public Code code() {
        return code;
    }

    /** What the base register of a load, store or atomic operation points at; empty if that depends on the path. */
    public Optional<BaseKind> base(int slot) {
        return Optional.ofNullable(facts.base(slot));
    }

    /** Whether any path comes to the instruction. */
    public boolean isReached(int slot) {
        return facts.wasExecuted(slot);
    }

    /** Number of functions; the first is the program itself. */
    public int functions() {
        return structure.functions();
    }

    /** The slot where a function begins. */
    public int functionStart(int function) {
        return structure.start(function);
    }

    /** Bytes below r10 that a function uses, at most 512. */
    public int stackBytes(int function) {
        return facts.stackBytes(function);
    }

    /** Instructions that the check followed, on all paths together. */
    public int instructionsProcessed() {
        return facts.instructionsProcessed;
    }

    /** States that were kept where paths can meet. */
    public int statesKept() {
        return facts.statesKept;
    }
}
