// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

/**
 * One design on one TAP, and what the comparison found of it.
 *
 * @param design who takes part
 * @param unavailable why it cannot run on this host, null if it did; then all that follows is empty
 * @param packets that were sent and judged, over all passes
 * @param mismatches how many of them came with another queue or hash than they should, came again with another than
 *     before, or never came
 * @param cost of a packet, null if it was not measured
 * @param packetsPerSecond from the host to the guest, median over the passes
 */
record Entry(Design design, String unavailable, long packets, long mismatches, Cost cost, double packetsPerSecond) {

    /**
     * Nanoseconds per packet, medians over the passes.
     *
     * @param tapNs in the TAP: the queue, and the hash where the design makes it there
     * @param deviceNs in ringtap: the hash is read or made
     * @param tapMeasured by what {@code tapNs} was measured, for people
     */
    record Cost(double tapNs, double deviceNs, String tapMeasured) {
        double totalNs() {
            return tapNs + deviceNs;
        }
    }

    static Entry unavailable(Design design, String reason) {
        return new Entry(design, reason, 0, 0, null, 0);
    }

    boolean ran() {
        return unavailable == null;
    }
}
