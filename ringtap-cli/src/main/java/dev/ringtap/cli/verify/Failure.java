// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

/**
 * One packet that was not what it should have been.
 *
 * @param phase what was going on
 * @param flow number of its flow, -1 if it belongs to none
 * @param kind of the flow
 * @param packet number in the flow, -1 if it has none
 * @param addresses who to whom
 * @param problem what is wrong with it
 */
record Failure(String phase, int flow, String kind, int packet, String addresses, String problem) {
    @Override
    public String toString() {
        String which = flow < 0
                ? "a packet of no flow"
                : packet < 0 ? "a packet of flow " + flow : "packet " + packet + " of flow " + flow;
        String who = addresses.isEmpty() ? "" : ", " + addresses;
        return "%s (%s%s), %s: %s".formatted(which, kind, who, phase, problem);
    }
}
