// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.object.BpfException;

/**
 * A program that the check refused. The message names the program, the instruction and what is wrong with it, says the way
 * out if there is one, and ends with the last branches of the path that led there.
 */
public final class ProgramRefusedException extends BpfException {
    private static final long serialVersionUID = 1L;

    private final int slot;
    private final String reason;

    ProgramRefusedException(String message, String path, int slot, String reason) {
        super(message, path);
        this.slot = slot;
        this.reason = reason;
    }

    /** Number of the instruction at fault. */
    public int slot() {
        return slot;
    }

    /** What is wrong with it, alone. */
    public String reason() {
        return reason;
    }
}
