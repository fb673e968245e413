// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.Objects;

/**
 * What a check depends on beside the program.
 *
 * @param instructionsMax how many instructions are followed, on all paths together, before the check is given up
 */
public record CheckOptions(KfuncTable kfuncs, int instructionsMax) {
    /** As many as the kernel's verifier follows. */
    public static final int DEFAULT_INSTRUCTIONS_MAX = 1_000_000;

    public CheckOptions {
        Objects.requireNonNull(kfuncs, "kfuncs");
        if (instructionsMax <= 0)
            throw new IllegalArgumentException("instructionsMax is " + instructionsMax + ": must be positive");
    }

    /** No kernel functions. */
    public static CheckOptions defaults() {
        return new CheckOptions(KfuncTable.NONE, DEFAULT_INSTRUCTIONS_MAX);
    }

    public CheckOptions withKfuncs(KfuncTable kfuncs) {
        return new CheckOptions(kfuncs, instructionsMax);
    }

    public CheckOptions withInstructionsMax(int instructionsMax) {
        return new CheckOptions(kfuncs, instructionsMax);
    }
}
