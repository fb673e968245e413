// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PayloadPatternTest {
    private final PayloadPattern pattern = new PayloadPattern(0x0123_4567_89AB_CDEFL);

    @Test
    void anyCutIsPartOfTheWhole() {
        byte[] whole = pattern.bytes(70_000, 513, 0, 200);
        for (int from = 0; from < 60; from++) {
            assertThat(pattern.bytes(70_000, 513, from, 100)).isEqualTo(Arrays.copyOfRange(whole, from, from + 100));
        }
    }

    @Test
    void blockIsFoundBehindAnything() {
        byte[] frame = new byte[200];
        System.arraycopy(pattern.bytes(70_000, 513, 24, 100), 0, frame, 42, 100);
        assertThat(pattern.find(frame, 0)).isEqualTo(new PayloadPattern.Block(42 + 8, 70_000, 513, 2));
        assertThat(new PayloadPattern(1).find(frame, 0)).isNull();
    }
}
