// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** Bytes that are no instruction. The message says what is wrong with the slot, not which program it belongs to. */
public final class InvalidInstructionException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int slot;

    InvalidInstructionException(int slot, String reason) {
        super(reason);
        this.slot = slot;
    }

    /** Number of the slot of 8 bytes. */
    public int slot() {
        return slot;
    }
}
