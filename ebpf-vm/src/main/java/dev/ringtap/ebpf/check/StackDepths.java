// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;

/** How much stack functions need together with those that they call. There are far more ways to a function than functions. */
final class StackDepths {
    private final IntFunction<? extends Iterable<Integer>> called;
    private final IntUnaryOperator own;

    /** 0 where it is not known yet. */
    private final int[] known;

    /**
     * @param called the functions that one calls, which do not go round
     * @param own bytes of stack that a function uses itself; asked once for each
     */
    StackDepths(int functions, IntFunction<? extends Iterable<Integer>> called, IntUnaryOperator own) {
        this.called = called;
        this.own = own;
        known = new int[functions];
    }

    /** Bytes for a function and the deepest way on from it. */
    int of(int function) {
        if (known[function] > 0) return known[function];
        int below = 0;
        for (int next : called.apply(function)) below = Math.max(below, of(next));
        // The kernel gives a function a multiple of 32 bytes.
        return known[function] = below + (Math.max(own.applyAsInt(function), 1) + 31 & ~31);
    }
}
