// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.util.List;
import org.junit.jupiter.api.Test;

class HashTimerTest {
    private final HashTimer timer =
            new HashTimer(new PacketHasher(new Toeplitz(new byte[40]), HashType.ALL), List.of(new byte[60]));

    @Test
    void figureIsTakenOnceItIsCheapEnough() {
        assertThat(timer.await(Long.MAX_VALUE, Long.MAX_VALUE)).isNotNegative();
    }

    @Test
    void whatTakesLongerThanCompiledCodeDoesIsNoFigure() {
        assertThat(timer.await(-1, -1)).isEqualTo(-1);
    }

    @Test
    void waitDoesNotCountUntilItBegins() throws InterruptedException {
        Thread.sleep(700);
        assertThat(timer.await(Long.MAX_VALUE, Long.MAX_VALUE)).isNotNegative();
    }

    @Test
    void interruptIsKept() {
        Thread.currentThread().interrupt();
        timer.await(Long.MAX_VALUE, Long.MAX_VALUE);
        assertThat(Thread.interrupted()).isTrue();
    }
}
