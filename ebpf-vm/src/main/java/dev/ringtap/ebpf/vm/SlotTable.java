// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.locks.StampedLock;

/**
 * Finds the slot of a key: a hash table with chains, all in arrays, nothing allocated after construction. Lookups take no
 * lock unless a writer is at work; writers hold {@link #lock}.
 *
 * <p>As in the kernel a slot is used again some time after it was given up: whoever holds a pointer into it then sees
 * another element's bytes, but never memory that is not the map's.
 */
final class SlotTable {
    static final int NONE = -1;

    private static final SecureRandom SECRETS = new SecureRandom();

    final StampedLock lock = new StampedLock();

    private final int keyBytes;
    private final byte[] keys;
    private final int[] heads;

    /** A random number for each 4 bytes of a key, and one more: who chooses keys must not know which ones meet. */
    private final long[] secret;

    private final int bucketShift;
    private final int[] next;

    // Slots that are free, oldest first: the longer a slot rests, the less likely is a reader left.
    private final int[] free;
    private int freeFirst;
    private int freeCount;

    private final boolean[] used;
    private int count;

    /** @param slots at least one more than the elements that there may be, so that a value can be replaced as a whole */
    SlotTable(MapDefinition definition, int slots, MapMemory memory) throws BpfException {
        keyBytes = definition.keyBytes();
        long bytes = (long) keyBytes * slots;
        if (keyBytes <= 0 || keyBytes > Run.KEY_BYTES_MAX || bytes > Integer.MAX_VALUE - 8)
            throw ProgramMap.fault(
                    definition, "must have keys of 1 to " + Run.KEY_BYTES_MAX + " bytes, 2 GiB at most together");
        int buckets = Math.max(4, Integer.highestOneBit(Math.max(1, slots - 1)) * 2);
        memory.take(definition, bytes + (long) Integer.BYTES * buckets + (2L * Integer.BYTES + 1) * slots);
        keys = new byte[(int) bytes];
        heads = new int[buckets];
        Arrays.fill(heads, NONE);
        bucketShift = Long.SIZE - Integer.numberOfTrailingZeros(buckets);
        secret = new long[(keyBytes + 3) / 4 + 1];
        Arrays.setAll(secret, i -> SECRETS.nextLong());
        next = new int[slots];
        free = new int[slots];
        used = new boolean[slots];
        for (int i = 0; i < slots; i++) free[i] = i;
        freeCount = slots;
    }

    /** Of elements. Needs the lock. */
    int count() {
        return count;
    }

    int slots() {
        return next.length;
    }

    /** Whether there is an element. */
    boolean isUsed(int slot) {
        return used[slot];
    }

    void copyKey(int slot, byte[] to) {
        System.arraycopy(keys, slot * keyBytes, to, 0, keyBytes);
    }

    /** @return the key's slot or {@link #NONE}; needs no lock */
    int find(byte[] key) {
        int bucket = bucket(key);
        long stamp = lock.tryOptimisticRead();
        if (stamp != 0) {
            int slot = find(bucket, key);
            if (lock.validate(stamp)) return slot;
        }
        stamp = lock.readLock();
        try {
            return find(bucket, key);
        } finally {
            lock.unlockRead(stamp);
        }
    }

    /** As {@link #find}; the caller has the lock, or a stamp to validate what it makes of the result. */
    int findLocked(byte[] key) {
        return find(bucket(key), key);
    }

    private int find(int bucket, byte[] key) {
        // A chain that is being changed may go round: no more steps than there are slots.
        int steps = next.length;
        for (int slot = heads[bucket]; slot != NONE && steps-- > 0; slot = next[slot])
            if (holds(slot, key)) return slot;
        return NONE;
    }

    private boolean holds(int slot, byte[] key) {
        int at = slot * keyBytes;
        return Arrays.equals(keys, at, at + keyBytes, key, 0, keyBytes);
    }

    /** Takes a free slot for a new element, not yet found by lookups. Needs the lock. @return {@link #NONE} if all are taken */
    int take(byte[] key) {
        if (freeCount == 0) return NONE;
        int slot = free[freeFirst];
        freeFirst = (freeFirst + 1) % free.length;
        freeCount--;
        System.arraycopy(key, 0, keys, slot * keyBytes, keyBytes);
        return slot;
    }

    /** Makes a taken slot the key's, in the place of {@code old} if that is not {@link #NONE}. Needs the lock. */
    void link(int slot, int old) {
        int bucket = bucketOf(slot);
        next[slot] = heads[bucket];
        heads[bucket] = slot;
        used[slot] = true;
        count++;
        if (old != NONE) remove(old);
    }

    /** Needs the lock. */
    void remove(int slot) {
        int bucket = bucketOf(slot);
        if (heads[bucket] == slot) {
            heads[bucket] = next[slot];
        } else {
            int before = heads[bucket];
            while (next[before] != slot) before = next[before];
            next[before] = next[slot];
        }
        used[slot] = false;
        count--;
        free[(freeFirst + freeCount) % free.length] = slot;
        freeCount++;
    }

    private int bucketOf(int slot) {
        return bucket(keys, slot * keyBytes);
    }

    int bucket(byte[] key) {
        return bucket(key, 0);
    }

    /**
     * Keys come from packets, so whoever sends those must not be able to fill one chain. Vector multiply-shift: for any two
     * keys the chance that they meet is one in the number of buckets, whatever the keys (Thorup, "High Speed Hashing for
     * Integers and Strings", 2015, section 3.5). A hash that only begins with a secret does not have that: keys that meet
     * would meet with every secret.
     */
    private int bucket(byte[] bytes, int at) {
        int words = keyBytes >> 2;
        long hash = secret[words];
        for (int i = 0; i < words; i++)
            hash += secret[i] * ((int) Memory.ARRAY_32.get(bytes, at + 4 * i) & 0xFFFFFFFFL);
        int rest = keyBytes & 3;
        if (rest != 0) {
            long last = 0;
            for (int i = 0; i < rest; i++) last |= (bytes[at + 4 * words + i] & 0xFFL) << 8 * i;
            hash += secret[words + 1] * last;
        }
        return (int) (hash >>> bucketShift);
    }
}
