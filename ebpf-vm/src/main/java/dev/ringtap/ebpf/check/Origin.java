// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.ArrayDeque;

/**
 * What a number was made of, back to the kept states that the path went through. When a number turns out to matter, as
 * an offset or because it decides a branch, all that it was made of is marked, and so each kept state learns which of
 * its numbers a path that wants to end there must match. Numbers that nobody needed may differ.
 */
final class Origin {
    private final Origin first;
    private final Origin second;
    private boolean needed;

    private Origin(Origin first, Origin second) {
        this.first = first;
        this.second = second;
    }

    /** Of a number in a state that is kept. */
    static Origin kept(Origin before) {
        return new Origin(before, null);
    }

    /** Of a number that was made of two; null stands for what came from nowhere, such as a constant. */
    static Origin of(Origin a, Origin b) {
        if (a == null || a == b) return b;
        return b == null ? a : new Origin(a, b);
    }

    boolean needed() {
        return needed;
    }

    static void need(Origin origin) {
        if (origin == null || origin.needed) return;
        // Iterative, since a chain is as long as the path.
        var open = new ArrayDeque<Origin>();
        open.push(origin);
        origin.needed = true;
        while (!open.isEmpty()) {
            var next = open.pop();
            mark(next.first, open);
            mark(next.second, open);
        }
    }

    private static void mark(Origin origin, ArrayDeque<Origin> open) {
        if (origin == null || origin.needed) return;
        origin.needed = true;
        open.push(origin);
    }
}
