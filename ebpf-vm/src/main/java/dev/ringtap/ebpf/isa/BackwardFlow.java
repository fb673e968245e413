// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

import java.util.ArrayDeque;
import java.util.BitSet;

/**
 * Sets that are known at the end of a program and follow its ways backwards, such as which registers may still be read. A set
 * is an int, one bit for each member; what holds before an instruction may only grow with what holds after it.
 */
public final class BackwardFlow {
    /** What an instruction does to a set. */
    @FunctionalInterface
    public interface Step {
        /** The set before an instruction, of the one after it. */
        int before(int instruction, int after);
    }

    private BackwardFlow() {}

    /**
     * Follows all ways until nothing changes any more.
     *
     * @param next for each instruction those that it may go on to, by their indexes
     * @return the set before each instruction
     */
    public static int[] solve(int[][] next, Step step) {
        int[] before = new int[next.length];
        int[] firstWay = new int[next.length + 1];
        for (int[] targets : next) for (int target : targets) firstWay[target + 1]++;
        for (int i = 0; i < next.length; i++) firstWay[i + 1] += firstWay[i];
        int[] cameFrom = new int[firstWay[next.length]];
        int[] filled = firstWay.clone();
        for (int from = 0; from < next.length; from++) for (int target : next[from]) cameFrom[filled[target]++] = from;

        // Looked at again when there is news of where it goes on to, and only then: with a look at all of them a chain
        // of jumps would take as many rounds as it has links.
        var open = new ArrayDeque<Integer>();
        var waits = new BitSet();
        for (int i = 0; i < next.length; i++) open.push(i);
        waits.set(0, next.length);
        while (!open.isEmpty()) {
            int i = open.pop();
            waits.clear(i);
            int after = 0;
            for (int target : next[i]) after |= before[target];
            int found = step.before(i, after);
            if (found == before[i]) continue;
            before[i] = found;
            for (int way = firstWay[i]; way < firstWay[i + 1]; way++) {
                if (waits.get(cameFrom[way])) continue;
                waits.set(cameFrom[way]);
                open.push(cameFrom[way]);
            }
        }
        return before;
    }
}
