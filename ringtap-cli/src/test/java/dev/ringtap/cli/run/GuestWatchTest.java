// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.EmulatorSnapshot;
import dev.ringtap.emulator.device.NetDevice;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestWatchTest {
    private final GuestWatch watch = new GuestWatch();

    @Test
    void aGuestIsReadyAtTheSecondLookAndOnlyOnce() {
        assertThat(look(false, 0, NetDevice.NO_DRIVER)).isFalse();
        assertThat(look(true, 1, NetDevice.NO_DRIVER)).isFalse();
        assertThat(look(true, 1, "automatic steering")).isFalse();
        assertThat(look(true, 1, "RSS")).isTrue();
        assertThat(look(true, 1, "RSS")).isFalse();
    }

    @Test
    void theNextGuestIsOneMore() {
        look(true, 1, "RSS");
        assertThat(look(true, 1, "RSS")).isTrue();
        assertThat(look(false, 1, "RSS")).isFalse();
        assertThat(look(true, 2, "RSS")).isFalse();
        assertThat(look(true, 2, "RSS")).isTrue();
    }

    private boolean look(boolean connected, long connections, String device) {
        return watch.becameReady(new EmulatorSnapshot(connected, connections, device, List.of()));
    }
}
