// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.it.container.RequiresDocker.Need;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.testcontainers.DockerClientFactory;

/** Emulator and guest in two containers that share nothing but a volume of the engine's. */
@RequiresDocker(Need.TAP)
class SharedVolumeTest {
    private String volume;

    @BeforeEach
    void makeVolume() {
        volume =
                DockerClientFactory.instance().client().createVolumeCmd().exec().getName();
    }

    @AfterEach
    void removeVolume() {
        DockerClientFactory.instance().client().removeVolumeCmd(volume).exec();
    }

    @Test
    void aRestartUnderTrafficEndsTheGuestInOrderAndTheNextIsServed() throws Exception {
        try (var emulator = new RingtapContainer(
                        RingtapImage.name(), "--tap", "kernel", "--address", PingingGuest.HOST_NETWORK)
                .leastPrivilege()
                .onVolume(volume)) {
            emulator.start();
            try (var guest = PingingGuest.start(volume, "0")) {
                guest.awaitOutput(PingingGuest.ANSWERED);
                DockerClientFactory.instance()
                        .client()
                        .restartContainerCmd(emulator.getContainerId())
                        .withTimeout(10)
                        .exec();
                assertEndedWithItsEmulator(guest);
            }
            try (var next = PingingGuest.start(volume, "0")) {
                next.awaitOutput(PingingGuest.ANSWERED);
                assertThat(emulator.terminate()).isZero();
                assertEndedWithItsEmulator(next);
            }
        }
    }

    private static void assertEndedWithItsEmulator(StartedContainer guest) throws InterruptedException {
        PingingGuest.assertFoundNoMismatch(guest);
        assertThat(guest.output()).contains("the back-end has gone; ");
    }
}
