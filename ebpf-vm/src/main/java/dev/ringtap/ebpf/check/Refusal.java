// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/** Ends the check: what is wrong with the instruction at {@code slot}. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private final int slot;
    private final String wayOut;

    /** @param wayOut what to do about it, empty if the reason says it */
    Refusal(int slot, String reason, String wayOut) {
        super(reason);
        this.slot = slot;
        this.wayOut = wayOut;
    }

    Refusal(int slot, String reason) {
        this(slot, reason, "");
    }

    int slot() {
        return slot;
    }

    String wayOut() {
        return wayOut;
    }
}
