// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;

/**
 * What decides queue and hash, immutable and shared by all loops.
 *
 * @param key the hash function, or {@code null} if no hash is computed
 * @param enabledTypes mask of {@code VIRTIO_NET_HASH_TYPE_*}
 * @param steering the table that picks queues, or {@code null} under automatic steering
 */
public record HashRules(Toeplitz key, int enabledTypes, RssConfig steering) {

    /** No hash, automatic steering: the state after a reset. */
    public static final HashRules NONE = new HashRules(null, 0, null);

    /** Whether a packet with this hash may have been put on {@code queue} under these rules. */
    boolean explains(int queue, int value, int report) {
        return steering == null || steering.queueFor(value, report) == queue;
    }
}
