// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct steering_config} of {@code src/main/bpf/rss.h}, in the byte order of the machine.
 *
 * <pre>
 *       0 u32 mode | 4 u32 hash_types | 8 u32 zero | 12 u16 table_mask | 14 u16 unclassified_queue
 *      16 u16 table[512]
 *    1040 u32 toeplitz[36][256]
 * </pre>
 */
final class SteeringLayout {
    private static final int MODE = 0;
    private static final int HASH_TYPES = 4;
    private static final int TABLE_MASK = 12;
    private static final int UNCLASSIFIED_QUEUE = 14;
    private static final int TABLE = 16;
    private static final int TOEPLITZ = TABLE + SteeringConfig.TABLE_ENTRIES_MAX * 2;

    static final int SIZE_BYTES = TOEPLITZ + SteeringConfig.TOEPLITZ_ENTRIES * 4;

    private SteeringLayout() {}

    static MemorySegment encode(SteeringConfig config, Arena arena) {
        var value = arena.allocate(SIZE_BYTES, 8); // zero-filled
        encode(config, value);
        return value;
    }

    /** @param value filled with zeros */
    static void encode(SteeringConfig config, MemorySegment value) {
        int[] table = config.table();
        int[] toeplitz = config.toeplitz();
        value.set(
                JAVA_INT,
                MODE,
                switch (config.mode()) {
                    case CONSTANT -> 0;
                    case RSS -> 1;
                    case HASH_ONLY -> 2;
                });
        value.set(JAVA_INT, HASH_TYPES, config.hashTypes());
        value.set(JAVA_SHORT, TABLE_MASK, (short) Math.max(table.length - 1, 0));
        value.set(JAVA_SHORT, UNCLASSIFIED_QUEUE, (short) config.unclassifiedQueue());
        for (int i = 0; i < table.length; i++) value.set(JAVA_SHORT, TABLE + 2L * i, (short) table[i]);
        MemorySegment.copy(toeplitz, 0, value, JAVA_INT, TOEPLITZ, toeplitz.length);
    }
}
