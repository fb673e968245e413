// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class StackDepthsTest {
    @Test
    void deepestWayCountsInStepsOf32Bytes() {
        List<List<Integer>> called = List.of(List.of(1, 2), List.of(), List.of(3), List.of());
        int[] own = {0, 100, 33, 8};
        var depths = new StackDepths(4, called::get, function -> own[function]);
        assertEquals(32 + 128, depths.of(0));
        assertEquals(64 + 32, depths.of(2));
    }

    /** 4 calls of the next of 8 functions: 4^7 ways. */
    @Test
    void functionIsLookedAtOnceHoweverManyWaysLeadToIt() {
        int functions = 8;
        var looks = new AtomicInteger();
        var depths = new StackDepths(
                functions,
                function -> function == functions - 1 ? List.of() : Collections.nCopies(4, function + 1),
                function -> {
                    looks.incrementAndGet();
                    return 32;
                });
        assertEquals(32 * functions, depths.of(0));
        assertEquals(functions, looks.get());
    }
}
