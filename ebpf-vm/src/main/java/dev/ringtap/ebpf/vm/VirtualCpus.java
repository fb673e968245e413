// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** How many processors programs see. A per-CPU map has that many values of each key. */
final class VirtualCpus {
    /** Some more than the machine has: contexts that are made and thrown away take numbers as well. */
    static final int COUNT =
            Math.max(8, Integer.highestOneBit(Runtime.getRuntime().availableProcessors()) * 2);

    private VirtualCpus() {}
}
