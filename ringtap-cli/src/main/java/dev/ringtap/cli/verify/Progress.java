// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import java.io.PrintStream;

/** Says what is going on: one line that changes on a terminal, a line a phase elsewhere. One thread. */
final class Progress {
    private static final long REDRAW_NS = 100_000_000;
    private static final String ERASE_LINE = "\r\033[K";

    private final PrintStream out;
    private final boolean terminal;
    private long drawnNs;
    private boolean dirty;

    Progress(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /** Something worth a line everywhere. */
    void line(String text) {
        erase();
        out.println(text);
        out.flush();
    }

    /** How far it is, many times a second: drawn on a terminal, and not at every call. */
    void update(String phase, long packets, long mismatches) {
        long now = System.nanoTime();
        if (!terminal || now - drawnNs < REDRAW_NS) {
            return;
        }
        drawnNs = now;
        dirty = true;
        out.printf("%s%-48s %,9d packets  %,d mismatches", ERASE_LINE, phase, packets, mismatches);
        out.flush();
    }

    /** Takes the changing line away. */
    void erase() {
        if (dirty) {
            out.print(ERASE_LINE);
            out.flush();
            dirty = false;
        }
    }
}
