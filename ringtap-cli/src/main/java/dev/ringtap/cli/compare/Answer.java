// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.guest.check.HashTypes;

/**
 * What was made of a packet.
 *
 * @param queue receive queue
 * @param hashValue 0 without a hash
 * @param hashReport which hash, 0 for none
 */
record Answer(int queue, int hashValue, int hashReport) {
    @Override
    public String toString() {
        return hashReport == HashTypes.REPORT_NONE && hashValue == 0
                ? "queue %d, no hash".formatted(queue)
                : "queue %d, hash %08x %s".formatted(queue, hashValue, HashTypes.name(hashReport));
    }
}
