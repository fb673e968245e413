// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.List;
import java.util.Optional;

/** The functions that a runtime exports to programs, by name and version, as far as a check needs them. */
public interface KfuncTable {
    /** Exports nothing. */
    KfuncTable NONE = new KfuncTable() {
        @Override
        public Optional<List<Argument>> arguments(String name, int version) {
            return Optional.empty();
        }

        @Override
        public List<Integer> versions(String name) {
            return List.of();
        }
    };

    /** What must be in a register. */
    enum Argument {
        /** The program's context, as r1 had it in the beginning. */
        CONTEXT,
        NUMBER
    }

    /** What the function takes in r1 and up to five registers, empty if it is not exported. Its result is a number. */
    Optional<List<Argument>> arguments(String name, int version);

    /** Versions that are exported under a name. */
    List<Integer> versions(String name);
}
