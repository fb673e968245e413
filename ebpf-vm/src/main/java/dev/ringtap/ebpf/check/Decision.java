// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.ArrayDeque;
import java.util.List;

/**
 * The way that a path took at a conditional jump, and all decisions before.
 *
 * @param before null for the first
 */
record Decision(Decision before, int slot, boolean taken) {
    /** The last decisions, oldest first. */
    static List<Decision> last(Decision decision, int count) {
        var last = new ArrayDeque<Decision>();
        for (var each = decision; each != null && last.size() < count; each = each.before) last.addFirst(each);
        return List.copyOf(last);
    }
}
