// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.BitSet;

/** What the check found out on its way, valid on all paths. */
final class Facts {
    private final BaseKind[] bases;
    private final BitSet mixed = new BitSet();
    private final BitSet executed = new BitSet();
    private final int[] stackBytes;

    int instructionsProcessed;
    int statesKept;

    Facts(int slots, int functions) {
        bases = new BaseKind[slots];
        stackBytes = new int[functions];
    }

    void executed(int slot) {
        executed.set(slot);
    }

    boolean wasExecuted(int slot) {
        return executed.get(slot);
    }

    void access(int slot, BaseKind kind) {
        if (bases[slot] != null && bases[slot] != kind) mixed.set(slot);
        bases[slot] = kind;
    }

    /** Null if the instruction accesses no memory, or different kinds of it on different paths. */
    BaseKind base(int slot) {
        return mixed.get(slot) ? null : bases[slot];
    }

    void usesStack(int function, int bytes) {
        stackBytes[function] = Math.max(stackBytes[function], bytes);
    }

    int stackBytes(int function) {
        return stackBytes[function];
    }
}
