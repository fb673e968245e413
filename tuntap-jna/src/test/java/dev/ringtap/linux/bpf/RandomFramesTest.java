// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import java.util.HexFormat;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Frames of random parts, then damaged, judged by {@link ReferenceHash}. {@code -Dringtap.seed=N} repeats a run.
 */
@RequiresBpf
class RandomFramesTest {
    private static final int CONFIGURATIONS = 48;
    private static final int FRAMES_PER_CONFIGURATION = 500;

    private final Random random;
    private final long seed = Long.getLong("ringtap.seed", System.nanoTime());

    RandomFramesTest() {
        random = new Random(seed);
    }

    @Test
    void programAgreesWithTheReference() throws Exception {
        System.out.println("RandomFramesTest: -Dringtap.seed=" + seed);
        var frames = new RandomFrames(random);
        var seen = new TreeMap<Integer, Integer>();
        try (var probe = new HashProbe()) {
            byte[] key = new byte[40];
            for (int configuration = 0; configuration < CONFIGURATIONS; configuration++) {
                int types = random.nextInt(3) == 0 ? ReferenceHash.ALL : random.nextInt(ReferenceHash.ALL + 1);
                if (configuration % 8 == 0) random.nextBytes(key);
                probe.configure(types, key);
                for (int i = 0; i < FRAMES_PER_CONFIGURATION; i++) {
                    byte[] frame = frames.next();
                    var answer = ReferenceHash.of(frame, false, types);
                    seen.merge(answer == null ? 0 : answer.type(), 1, Integer::sum);
                    long expected = answer == null
                            ? HashProbe.UNCLASSIFIED
                            : Integer.toUnsignedLong(BitwiseToeplitz.hash(key, answer.input()));
                    assertThat(probe.hash(frame))
                            .as(
                                    "seed %d, types 0x%x, reference %s, frame %s",
                                    seed, types, answer, HexFormat.of().formatHex(frame))
                            .isEqualTo(expected);
                }
            }
        }
        // No kind of answer may be missing, else the generator has stopped to test something.
        assertThat(seen).as("seed %d", seed).containsKeys(0, 1, 2, 4, 8, 16, 32, 64, 128, 256);
        assertThat(seen.values()).allMatch(count -> count >= 50);
    }
}
