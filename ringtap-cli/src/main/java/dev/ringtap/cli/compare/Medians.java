// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.util.List;

/** The middle of some measurements. */
final class Medians {
    private Medians() {}

    /** The median; between the two in the middle of an even number. */
    static double of(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
}
