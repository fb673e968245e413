// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import java.util.Arrays;
import java.util.Objects;

/**
 * Receive-side scaling as the driver configured it. VIRTIO 1.3, 5.1.6.5.7.1 Setting RSS parameters.
 *
 * @param hashTypes mask of enabled {@link HashTypes}
 * @param table receive queue numbers, a power of two of them; copied
 * @param unclassified receive queue of packets without a hash
 * @param key at most 40 bytes; copied
 */
public record GuestRss(int hashTypes, int[] table, int unclassified, byte[] key) {
    public GuestRss {
        if (Integer.bitCount(table.length) != 1) {
            throw new IllegalArgumentException("an indirection table has a power of two entries, not " + table.length);
        }
        if (key.length > 40) {
            throw new IllegalArgumentException("a key has at most 40 bytes, not " + key.length);
        }
        table = table.clone();
        key = key.clone();
    }

    @Override
    public int[] table() {
        return table.clone();
    }

    @Override
    public byte[] key() {
        return key.clone();
    }

    /** The entry a hash value selects. */
    int queueFor(int hashValue) {
        return table[hashValue & table.length - 1];
    }

    /** The key itself, for readers in this package that only read. */
    byte[] keyBytes() {
        return key;
    }

    public GuestRss withHashTypes(int types) {
        return new GuestRss(types, table, unclassified, key);
    }

    public GuestRss withTable(int... queues) {
        return new GuestRss(hashTypes, queues, unclassified, key);
    }

    public GuestRss withUnclassified(int queue) {
        return new GuestRss(hashTypes, table, queue, key);
    }

    public GuestRss withKey(byte[] bytes) {
        return new GuestRss(hashTypes, table, unclassified, bytes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof GuestRss that
                && hashTypes == that.hashTypes
                && unclassified == that.unclassified
                && Arrays.equals(table, that.table)
                && Arrays.equals(key, that.key);
    }

    @Override
    public int hashCode() {
        return Objects.hash(hashTypes, unclassified, Arrays.hashCode(table), Arrays.hashCode(key));
    }
}
