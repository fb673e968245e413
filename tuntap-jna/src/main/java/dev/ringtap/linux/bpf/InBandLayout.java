// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct inband_config} of {@code src/main/bpf/inband.bpf.c}, in the byte order of the machine.
 *
 * <pre>
 *       0 u64 nonce | 8 u32 prefix | 12 u32 reserved
 *      16 struct steering_config
 * </pre>
 */
final class InBandLayout {
    private static final int NONCE = 0;
    private static final int PREFIX = 8;
    private static final int STEERING = 16;

    private static final int PREFIX_ON = 1;
    private static final int PREFIX_NOT_SEGMENTED = 2;

    static final int SIZE_BYTES = STEERING + SteeringLayout.SIZE_BYTES;

    private InBandLayout() {}

    static MemorySegment encode(InBandConfig config, long nonce, Arena arena) {
        var value = arena.allocate(SIZE_BYTES, 8); // zero-filled
        int prefix = 0;
        if (config.prefix()) prefix |= PREFIX_ON;
        if (!config.beforeSegmentation()) prefix |= PREFIX_NOT_SEGMENTED;
        value.set(JAVA_LONG, NONCE, nonce);
        value.set(JAVA_INT, PREFIX, prefix);
        SteeringLayout.encode(config.steering(), value.asSlice(STEERING));
        return value;
    }
}
