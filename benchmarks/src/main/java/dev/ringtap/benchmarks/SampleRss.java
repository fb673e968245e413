// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.util.HexFormat;
import java.util.stream.IntStream;

/** The configuration under which everything is measured: all hash types, and a table that shows what a hash picked. */
public final class SampleRss {
    /** All nine of VIRTIO 1.3, 5.1.6.4.3 Hash calculation for incoming packets. */
    public static final int HASH_TYPES = 0x1FF;

    /** Entries of the indirection table; entry i is queue i. */
    public static final int TABLE_ENTRIES = 128;

    /** Unlike any entry of the table. */
    public static final int UNCLASSIFIED_QUEUE = 200;

    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    private SampleRss() {}

    /** 40 bytes; a copy. */
    public static byte[] key() {
        return KEY.clone();
    }

    /** The same for our steering program. */
    public static SteeringConfig steeringConfig() {
        int[] table = IntStream.range(0, TABLE_ENTRIES).toArray();
        return SteeringConfig.rss(HASH_TYPES, UNCLASSIFIED_QUEUE, table, new Toeplitz(KEY).byteTable());
    }
}
