// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.linux.posix.NativeException;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Makes the queue reveal the hash. Four copies of the program have the same key, but their hashes are rotated by 0, 8,
 * 16 and 24 bits, and table entry i is queue i: each copy shows 9 bits, all together 32 and some twice.
 */
final class HashProbe implements AutoCloseable {
    static final long UNCLASSIFIED = -1;

    private static final int UNCLASSIFIED_QUEUE = 0xABCD;
    private static final int[] IDENTITY = IntStream.range(0, 512).toArray();

    private final SteeringProgram[] programs = new SteeringProgram[4];
    private int types = -1;
    private byte[] key = {};
    private int[][] toeplitz;

    HashProbe() throws Exception {
        for (int i = 0; i < programs.length; i++) programs[i] = SteeringProgram.load();
    }

    void configure(int types, byte[] key) throws NativeException {
        if (types == this.types && Arrays.equals(key, this.key)) return;
        if (!Arrays.equals(key, this.key)) {
            toeplitz = new int[programs.length][];
            for (int i = 0; i < programs.length; i++) toeplitz[i] = BitwiseToeplitz.table(key, 8 * i);
        }
        this.types = types;
        this.key = key.clone();
        for (int i = 0; i < programs.length; i++)
            programs[i].configure(SteeringConfig.rss(types, UNCLASSIFIED_QUEUE, IDENTITY, toeplitz[i]));
    }

    /** The hash as an unsigned number, or {@link #UNCLASSIFIED}. */
    long hash(byte[] frame) throws NativeException {
        long hash = 0;
        int unclassified = 0;
        int[] queues = new int[programs.length];
        for (int i = 0; i < programs.length; i++) {
            queues[i] = programs[i].testRun(frame, 1).queue();
            if (queues[i] == UNCLASSIFIED_QUEUE) unclassified++;
            hash |= (queues[i] & 0xFFL) << 8 * i;
        }
        if (unclassified == programs.length) return UNCLASSIFIED;
        for (int i = 0; i < programs.length; i++)
            if (queues[i] > 511 || queues[i] >> 8 != (queues[(i + 1) % 4] & 1))
                throw new AssertionError("the copies disagree: " + Arrays.toString(queues));
        return hash;
    }

    @Override
    public void close() {
        for (var program : programs) program.close();
    }
}
