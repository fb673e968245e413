// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class BackwardFlowTest {
    @Test
    void setsMeetWhereWaysPartAndGoAroundLoops() {
        // 0 -> 1 -> 2 or 3; 2 goes back to 1, 3 ends. 2 reads bit 1, 3 reads bit 2, 0 writes both.
        int[][] next = {{1}, {2, 3}, {1}, {}};
        int[] read = {0, 0, 1 << 1, 1 << 2};
        int[] before = BackwardFlow.solve(next, (i, after) -> i == 0 ? 0 : after | read[i]);
        assertArrayEquals(new int[] {0, 0b110, 0b110, 0b100}, before);
    }

    @Test
    void chainInEitherDirectionIsLookedAtNoOftenerThanItsLengthTells() {
        int links = 10_000;
        int[][] down = new int[links][];
        int[][] up = new int[links][];
        for (int i = 0; i < links; i++) {
            down[i] = i == 0 ? new int[0] : new int[] {i - 1};
            up[i] = i == links - 1 ? new int[0] : new int[] {i + 1};
        }
        assertEquals(1, lastOf(down, 0, links - 1, 2 * links));
        assertEquals(1, lastOf(up, links - 1, 0, 2 * links));
    }

    /** What reaches {@code to} of a bit that is read at {@code from}. */
    private static int lastOf(int[][] next, int from, int to, int mostLooks) {
        var looks = new AtomicInteger();
        int[] before = BackwardFlow.solve(next, (i, after) -> {
            looks.incrementAndGet();
            return i == from ? 1 : after;
        });
        assertTrue(looks.get() <= mostLooks, looks + " looks");
        return before[to];
    }
}
