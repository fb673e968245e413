// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameRingTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 1000})
    void holdsExactlyItsCapacityRoundAfterRound(int capacity) {
        var ring = new FrameRing(capacity);
        var frames = new Frame[capacity];
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < capacity; i++) {
                frames[i] = new Frame(1);
                assertThat(ring.put(frames[i])).isTrue();
            }
            assertThat(ring.put(new Frame(1))).isFalse();
            for (int i = 0; i < capacity; i++) assertThat(ring.take()).isSameAs(frames[i]);
            assertThat(ring.take()).isNull();
        }
    }

    @Test
    void roomComesBackFrameByFrame() {
        var ring = new FrameRing(3);
        for (int i = 0; i < 3; i++) ring.put(new Frame(1));
        for (int i = 0; i < 10; i++) {
            assertThat(ring.put(new Frame(1))).isFalse();
            assertThat(ring.take()).isNotNull();
            assertThat(ring.put(new Frame(1))).isTrue();
        }
    }
}
