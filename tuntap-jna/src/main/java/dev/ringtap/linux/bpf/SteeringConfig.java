// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.util.Arrays;
import java.util.Objects;

/**
 * Everything that decides the queue of a packet; what is hashed is written in {@code docs/hash-rules.md}. Immutable:
 * arrays are copied in and out.
 *
 * @param mode what is done with a packet
 * @param hashTypes enabled hash types, bit 0 (IPv4) to bit 8 (UDP_EX), VIRTIO 1.3, 5.1.6.4.3 Hash calculation for
 *     incoming packets
 * @param unclassifiedQueue queue of a packet without a hash, 0 to 65535; without {@link Mode#RSS} that of every packet
 * @param table indirection table: a power of two of queues, 1 to 512, each 0 to 65535; the kernel takes a queue modulo
 *     the number of attached queues. Empty without {@link Mode#RSS}
 * @param toeplitz the key as 36 × 256 hashes: {@code [i * 256 + v]} is the Toeplitz hash of the 36-byte input whose
 *     only non-zero byte is byte {@code i} with value {@code v}. Empty with {@link Mode#CONSTANT}
 */
public record SteeringConfig(Mode mode, int hashTypes, int unclassifiedQueue, int[] table, int[] toeplitz) {
    /** Most entries of an indirection table. */
    public static final int TABLE_ENTRIES_MAX = 512;

    /** Bytes of the longest hash input: two IPv6 addresses and two ports. */
    public static final int HASH_INPUT_BYTES = 36;

    /** Entries of {@link #toeplitz}. */
    public static final int TOEPLITZ_ENTRIES = HASH_INPUT_BYTES * 256;

    private static final int ALL_HASH_TYPES = 0x1FF;
    private static final int[] NONE = {};

    /** What is done with a packet. */
    public enum Mode {
        /** Every packet goes to the unclassified queue. */
        CONSTANT,
        /** The hash picks an entry of the table. */
        RSS,
        /** There is a hash to report, but every packet goes to the unclassified queue. */
        HASH_ONLY
    }

    /** Checks and copies. */
    public SteeringConfig {
        Objects.requireNonNull(mode, "mode");
        if ((hashTypes & ~ALL_HASH_TYPES) != 0)
            throw new IllegalArgumentException(
                    "hash types 0x" + Integer.toHexString(hashTypes) + ": there are bits 0 to 8 only");
        checkQueue("unclassified queue", unclassifiedQueue);
        table = mode == Mode.RSS ? table.clone() : NONE;
        toeplitz = mode == Mode.CONSTANT ? NONE : toeplitz.clone();
        if (mode == Mode.RSS) {
            if (table.length > TABLE_ENTRIES_MAX || Integer.bitCount(table.length) != 1)
                throw new IllegalArgumentException("indirection table of " + table.length
                        + " entries: must be a power of two up to " + TABLE_ENTRIES_MAX);
            for (int i = 0; i < table.length; i++) checkQueue("indirection table entry " + i, table[i]);
        }
        if (mode != Mode.CONSTANT && toeplitz.length != TOEPLITZ_ENTRIES)
            throw new IllegalArgumentException(
                    "Toeplitz table of " + toeplitz.length + " entries: must be " + TOEPLITZ_ENTRIES);
    }

    /** Every packet to one queue. */
    public static SteeringConfig constant(int queue) {
        return new SteeringConfig(Mode.CONSTANT, 0, queue, NONE, NONE);
    }

    /** Receive-side scaling; see the record's components. */
    public static SteeringConfig rss(int hashTypes, int unclassifiedQueue, int[] table, int[] toeplitz) {
        return new SteeringConfig(Mode.RSS, hashTypes, unclassifiedQueue, table, toeplitz);
    }

    /** A hash that is reported and steers nothing; every packet to queue 0. */
    public static SteeringConfig hashOnly(int hashTypes, int[] toeplitz) {
        return new SteeringConfig(Mode.HASH_ONLY, hashTypes, 0, NONE, toeplitz);
    }

    private static void checkQueue(String what, int queue) {
        if (queue < 0 || queue > 0xFFFF)
            throw new IllegalArgumentException(what + " is " + queue + ": must be 0 to 65535");
    }

    @Override
    public int[] table() {
        return table.clone();
    }

    @Override
    public int[] toeplitz() {
        return toeplitz.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SteeringConfig that
                && mode == that.mode
                && hashTypes == that.hashTypes
                && unclassifiedQueue == that.unclassifiedQueue
                && Arrays.equals(table, that.table)
                && Arrays.equals(toeplitz, that.toeplitz);
    }

    @Override
    public int hashCode() {
        return Objects.hash(mode, hashTypes, unclassifiedQueue, Arrays.hashCode(table), Arrays.hashCode(toeplitz));
    }

    @Override
    public String toString() {
        return switch (mode) {
            case CONSTANT -> "every packet to queue " + unclassifiedQueue;
            case HASH_ONLY ->
                "hash types 0x" + Integer.toHexString(hashTypes) + ", every packet to queue " + unclassifiedQueue;
            case RSS ->
                "RSS over " + table.length + " entries, hash types 0x" + Integer.toHexString(hashTypes)
                        + ", unclassified to queue " + unclassifiedQueue;
        };
    }
}
