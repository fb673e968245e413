// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * Receive-side scaling as the driver configured it, {@code struct virtio_net_rss_config}. VIRTIO 1.3, 5.1.6.5.7
 * Receive-side scaling (RSS). Immutable; arrays are copied in and out.
 *
 * @param hashTypes mask of enabled {@link HashType}s; with 0 every packet is unclassified
 * @param unclassifiedQueue queue pair of packets without a hash, from 0
 * @param table queue pair per hash bucket, from 0; its length is a power of two
 * @param maxTxQueuePairs how many transmit queues the driver may use
 * @param key 0 to 40 bytes; empty only if {@code hashTypes} is 0
 */
public record RssConfig(int hashTypes, int unclassifiedQueue, int[] table, int maxTxQueuePairs, byte[] key) {
    /** Checks what a device's limits have no part in; those are checked by {@link ControlCommand#parse}. */
    public RssConfig {
        table = table.clone();
        key = key.clone();
        if (Integer.bitCount(table.length) != 1) {
            throw new IllegalArgumentException("table has " + table.length + " entries, not a power of two");
        }
        for (int i = 0; i < table.length; i++) {
            if (table[i] < 0) {
                throw new IllegalArgumentException("table entry " + i + " is " + table[i]);
            }
        }
        if (unclassifiedQueue < 0) {
            throw new IllegalArgumentException("unclassifiedQueue is " + unclassifiedQueue);
        }
        if (maxTxQueuePairs < 1) {
            throw new IllegalArgumentException("maxTxQueuePairs is " + maxTxQueuePairs + ", at least 1 is right");
        }
        HashConfig.checkKey(hashTypes, key);
    }

    /**
     * The queue pair of a received packet. Allocates nothing.
     *
     * @param value the packet's hash
     * @param report its {@link HashReport}; {@link HashReport#NONE} makes the packet unclassified
     * @return queue pair, from 0
     */
    public int queueFor(int value, int report) {
        return report == HashReport.NONE ? unclassifiedQueue : table[value & table.length - 1];
    }

    /** One more than the highest queue pair that a packet can be put on. */
    public int receiveQueuePairs() {
        int highest = unclassifiedQueue;
        for (int queue : table) {
            highest = Math.max(highest, queue);
        }
        return highest + 1;
    }

    @Override
    public int[] table() {
        return table.clone();
    }

    @Override
    public byte[] key() {
        return key.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RssConfig that
                && hashTypes == that.hashTypes
                && unclassifiedQueue == that.unclassifiedQueue
                && maxTxQueuePairs == that.maxTxQueuePairs
                && Arrays.equals(table, that.table)
                && Arrays.equals(key, that.key);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(table) + Arrays.hashCode(key))
                + (hashTypes ^ unclassifiedQueue << 16 ^ maxTxQueuePairs << 24);
    }

    @Override
    public String toString() {
        return "RssConfig[hashTypes=0x%x, unclassifiedQueue=%d, table=%s, maxTxQueuePairs=%d, key=%s]"
                .formatted(
                        hashTypes,
                        unclassifiedQueue,
                        Arrays.toString(table),
                        maxTxQueuePairs,
                        HexFormat.of().formatHex(key));
    }
}
