// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/**
 * A program did something that it must not: it left its memory or used up its budget. The message names the program
 * and the instruction. The kernel's way out would be an oops; here only this run ends.
 */
public final class EbpfFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String program;
    private final int slot;

    EbpfFault(String program, int slot, String instruction, String reason, Throwable cause) {
        super("program '" + program + "', instruction " + instruction + ": " + reason, cause);
        this.program = program;
        this.slot = slot;
    }

    public String program() {
        return program;
    }

    /** Number of the instruction at fault. */
    public int slot() {
        return slot;
    }
}
