// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.DriverDouble.F_EVENT_IDX;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** When each side is to notify the other. VIRTIO 1.3, 2.7.7 and 2.7.10. */
class NotificationTest {
    private static final int START = 65_534;

    private static void use(DriverDouble driver, SplitVirtqueue queue, int chains) throws VirtqueueException {
        for (int i = 0; i < chains; i++) {
            driver.offer(0);
            queue.addUsed(queue.pollHead(), 0);
            queue.publishUsed();
        }
    }

    @Test
    void callsUnlessTheFlagForbids() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8, 0)) {
            var queue = driver.deviceSide();
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isTrue();
            driver.availFlags(1);
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isFalse();
            // Only the lowest bit means something.
            driver.availFlags(0xFFFE);
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isTrue();
        }
    }

    @Test
    void ignoresUsedEventWithoutTheFeature() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8, 0)) {
            var queue = driver.deviceSide();
            use(driver, queue, 1);
            queue.driverWantsCall();
            driver.usedEvent(12_345);
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isTrue();
        }
    }

    @Test
    void callsForNothingIfNothingWasPublished() throws Exception {
        for (long features : new long[] {0, F_EVENT_IDX}) {
            try (var driver = DriverDouble.startingAt(START, 8, features)) {
                var queue = driver.deviceSide();
                assertThat(queue.driverWantsCall()).isFalse();
                driver.offer(0);
                queue.addUsed(queue.pollHead(), 0);
                assertThat(queue.driverWantsCall()).isFalse();
                queue.publishUsed();
                assertThat(queue.driverWantsCall()).isTrue();
                assertThat(queue.driverWantsCall()).isFalse();
            }
        }
    }

    @Test
    void callsWhenTheEntryAtUsedEventIsAmongTheFreshOnes() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
            var queue = driver.deviceSide();
            use(driver, queue, 1);
            queue.driverWantsCall();
            // Entries written so far: 65,534. Each burst is followed by one decision.
            driver.usedEvent(65_535);
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).as("entry 65535 is the one").isTrue();
            use(driver, queue, 3);
            assertThat(queue.driverWantsCall()).as("entries 0 to 2, past it").isFalse();
            driver.usedEvent(6);
            use(driver, queue, 3);
            assertThat(queue.driverWantsCall()).as("entries 3 to 5, before it").isFalse();
            use(driver, queue, 4);
            assertThat(queue.driverWantsCall()).as("entries 6 to 9").isTrue();
            driver.usedEvent(12);
            use(driver, queue, 3);
            assertThat(queue.driverWantsCall()).as("entries 10 to 12").isTrue();
        }
    }

    @Test
    void decidesOverEveryPublicationSinceTheLastDecisionOnce() throws Exception {
        for (int event = 65_520; event < 65_536 + 16; event++) {
            try (var driver = DriverDouble.startingAt(65_525, 32, F_EVENT_IDX)) {
                var queue = driver.deviceSide();
                use(driver, queue, 5);
                queue.driverWantsCall();
                driver.usedEvent(event);
                use(driver, queue, 7);
                use(driver, queue, 8);
                // 65,530 to 65,544, that is 8.
                assertThat(queue.driverWantsCall())
                        .as("used_event %d", event)
                        .isEqualTo(event >= 65_530 && event <= 65_544);
            }
        }
    }

    @Test
    void ignoresTheFlagWithEventIdx() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
            var queue = driver.deviceSide();
            use(driver, queue, 1);
            queue.driverWantsCall();
            driver.availFlags(1);
            driver.usedEvent(65_535);
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isTrue();
        }
    }

    @Test
    void callsFirstWhateverUsedEventSays() throws Exception {
        // The device before may have published the entry waited for and ended before it called.
        try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
            driver.usedEvent(START - 1);
            var queue = driver.deviceSide();
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isTrue();
            use(driver, queue, 1);
            assertThat(queue.driverWantsCall()).isFalse();
        }
    }

    @Test
    void callsAfterABurstThatWentAllTheWayRound() throws Exception {
        for (int burst : new int[] {65_534, 65_535, 65_536, 65_537}) {
            try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
                var queue = driver.deviceSide();
                use(driver, queue, 1);
                queue.driverWantsCall();
                driver.usedEvent(START - 1);
                use(driver, queue, burst);
                assertThat(queue.driverWantsCall())
                        .as("%d entries from 65,535 on", burst)
                        .isEqualTo(burst > 65_534);
            }
        }
    }

    @Test
    void tellsByTheFlagWhetherKicksAreWanted() {
        try (var driver = DriverDouble.startingAt(START, 8, 0)) {
            var queue = driver.deviceSide();
            queue.disableKicks();
            assertThat(driver.usedFlags()).isEqualTo(1);
            assertThat(queue.enableKicks()).isFalse();
            assertThat(driver.usedFlags()).isZero();
            queue.disableKicks();
            assertThat(driver.usedFlags()).isEqualTo(1);
            driver.offer(1);
            assertThat(queue.enableKicks()).isTrue();
        }
    }

    @Test
    void clearsAFlagThatTheDeviceBeforeLeftSet() {
        try (var driver = DriverDouble.startingAt(START, 8, 0)) {
            driver.deviceSide().disableKicks();
            assertThat(driver.deviceSide().enableKicks()).isFalse();
            assertThat(driver.usedFlags()).isZero();
        }
    }

    @Test
    void tellsByAvailEventWhichChainItWantsAKickFor() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
            var queue = driver.deviceSide();
            assertThat(queue.enableKicks()).isFalse();
            assertThat(driver.availEvent()).isEqualTo(65_534);
            driver.offer(1, 2, 3);
            assertThat(queue.enableKicks()).isTrue();
            queue.pollHead();
            queue.pollHead();
            assertThat(queue.enableKicks()).isTrue();
            assertThat(driver.availEvent()).isZero();
            queue.pollHead();
            assertThat(queue.enableKicks()).isFalse();
            assertThat(driver.availEvent()).isEqualTo(1);
            queue.disableKicks();
            assertThat(driver.availEvent())
                    .as("passed by the driver's next chain")
                    .isEqualTo(1);
            assertThat(driver.usedFlags()).as("must stay 0 with EVENT_IDX").isZero();
            queue.unpoll(1);
            assertThat(queue.enableKicks()).as("what was put back is available").isTrue();
        }
    }

    @Test
    void seesAJumpedIndexWhenItEnablesKicks() {
        try (var driver = DriverDouble.startingAt(START, 8, F_EVENT_IDX)) {
            var queue = driver.deviceSide();
            driver.publishIdx(START - 1);
            assertThat(queue.enableKicks()).as("pollHead() is to judge it").isTrue();
        }
    }
}
