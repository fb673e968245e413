// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

/**
 * A packet whose queue or hash was not what the checker says.
 *
 * @param design that answered so
 * @param packet number in the traffic
 * @param flow for people: its number, kind and addresses
 * @param expected what is right
 * @param seen what it was, null if the packet did not arrive
 */
record Difference(Design design, int packet, String flow, Answer expected, Answer seen) {
    @Override
    public String toString() {
        return "%s: packet %d of %s: %s, expected %s"
                .formatted(design.title(), packet, flow, seen == null ? "never arrived" : seen, expected);
    }
}
