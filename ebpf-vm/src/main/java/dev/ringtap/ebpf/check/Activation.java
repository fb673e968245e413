// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/**
 * One call of a helper that calls back, on one path: the rounds of its callback belong together. That the helper makes an
 * end of them says nothing of a loop of the program's around the call, whose rounds are activations of their own.
 */
final class Activation {
    /** The state before the call; null until it is kept. */
    private KeptState entry;

    void begins(KeptState state) {
        if (entry == null) entry = state;
    }

    /** Whether everything that may happen from the call on was looked at. */
    boolean isComplete() {
        return entry != null && entry.isComplete();
    }
}
