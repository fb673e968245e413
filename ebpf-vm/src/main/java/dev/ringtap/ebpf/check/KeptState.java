// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/** A state that the exploration remembers, so that paths which meet it need not be followed twice. */
final class KeptState {
    final KeptState parent;
    final int fingerprint;
    private State state;
    /** Paths that go on from here and have not ended yet. */
    private int openPaths = 1;

    private int hits;
    private int misses;

    KeptState(State state) {
        this.state = state;
        parent = state.parent;
        fingerprint = state.fingerprint();
    }

    State state() {
        return state;
    }

    /** Whether every path from here has ended, so its marks are complete. */
    boolean isComplete() {
        return openPaths == 0;
    }

    static void pathBegins(KeptState at) {
        if (at != null) at.openPaths++;
    }

    /** A path from {@code at} ended. With its last path a state is complete, and is one path of its parent. */
    static void pathEnds(KeptState at) {
        for (var each = at; each != null && --each.openPaths == 0; ) each = each.parent;
    }

    void hit() {
        hits++;
    }

    /** @return whether it is not worth comparing with any longer */
    boolean missed() {
        // A state that is still open covers nothing yet, and may be what shows that a loop has no end. That comparison
        // is cheap, by fingerprint.
        int patience = isComplete() ? 64 : 1024;
        if (++misses <= patience * (hits + 1)) return false;
        // The states that follow still hold this one as their parent.
        state = null;
        return true;
    }
}
