// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.SplitVirtqueue.EMPTY;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two threads that sleep whenever the other side is to notify them. A notification that either side wrongly left out leaves
 * both asleep. Each chain carries a number to the device and its complement back, so that data which came too late is seen
 * as well.
 */
class LostWakeUpTest {
    private static final int START = 65_534;
    private static final int SIZE = 8;
    private static final int CHAINS = 20_000;
    /** Not a measure of speed: nobody sleeps this long unless a wake-up was lost. */
    private static final int ASLEEP_FOR_GOOD_SECONDS = 20;

    private final long seed = new Random().nextLong();
    private final Semaphore kick = new Semaphore(0);
    private final Semaphore call = new Semaphore(0);

    @ParameterizedTest
    @ValueSource(longs = {0, DriverDouble.F_EVENT_IDX})
    void neitherSideSleepsWhileTheOtherWaits(long features) throws Exception {
        try (var driver = DriverDouble.startingAt(START, SIZE, features)) {
            for (int slot = 0; slot < SIZE / 2; slot++) {
                // One number to read, one to write.
                driver.descriptor(2 * slot, DriverDouble.DATA + 16L * slot, 4, DriverDouble.NEXT, 2 * slot + 1);
                driver.descriptor(2 * slot + 1, DriverDouble.DATA + 16L * slot + 8, 4, DriverDouble.WRITE, 0);
            }
            boolean eventIdx = features != 0;
            FutureTask<Void> device = started(() -> device(driver));
            FutureTask<Void> guest = started(() -> guest(driver, eventIdx));
            try {
                guest.get();
                device.get();
            } catch (ExecutionException e) {
                guest.cancel(true);
                device.cancel(true);
                throw new AssertionError("seed " + seed, e.getCause());
            }
        }
    }

    private static FutureTask<Void> started(Callable<Void> work) {
        var task = new FutureTask<>(work);
        Thread.ofPlatform().daemon().start(task);
        return task;
    }

    private static void sleep(Semaphore wakeUp, String who) throws InterruptedException {
        // A short wait awake keeps both sides close in time, where a missing barrier shows.
        for (int i = 0; i < 500; i++) {
            if (wakeUp.tryAcquire()) {
                wakeUp.drainPermits();
                return;
            }
            Thread.onSpinWait();
        }
        if (!wakeUp.tryAcquire(ASLEEP_FOR_GOOD_SECONDS, TimeUnit.SECONDS)) {
            throw new AssertionError("nobody woke the " + who);
        }
        wakeUp.drainPermits();
    }

    private Void device(DriverDouble driver) throws Exception {
        var random = new Random(seed);
        var queue = driver.deviceSide();
        var chain = new DescriptorChain(4);
        byte[] number = new byte[4];
        int served = 0;
        while (served < CHAINS) {
            if (random.nextBoolean()) {
                queue.disableKicks();
            }
            do {
                int burst = 1 + random.nextInt(SIZE);
                int head = EMPTY;
                for (int i = 0; i < burst && (head = queue.pollHead()) != EMPTY; i++) {
                    if (random.nextInt(8) == 0) {
                        queue.unpoll(1);
                        head = queue.pollHead();
                    }
                    queue.readChain(head, chain);
                    assertThat(chain.copyOut(0, number, 0, 4)).isEqualTo(4);
                    for (int b = 0; b < 4; b++) {
                        number[b] = (byte) ~number[b];
                    }
                    assertThat(chain.copyIn(0, number, 0, 4)).isEqualTo(4);
                    queue.addUsed(head, 4);
                    served++;
                    if (random.nextInt(4) == 0) {
                        queue.publishUsed();
                    }
                }
                queue.publishUsed();
                if (queue.driverWantsCall()) {
                    call.release();
                }
            } while (queue.availableCount() > 0 || queue.enableKicks());
            if (served < CHAINS) {
                sleep(kick, "device");
            }
        }
        return null;
    }

    private Void guest(DriverDouble driver, boolean eventIdx) throws Exception {
        var random = new Random(seed + 1);
        var free = new ArrayDeque<Integer>();
        for (int slot = 0; slot < SIZE / 2; slot++) {
            free.add(slot);
        }
        int[] numberOf = new int[SIZE / 2];
        int offered = 0;
        int returned = 0;
        var data = driver.data(0);
        while (returned < CHAINS) {
            int burst = Math.min(CHAINS - offered, random.nextInt(free.size() + 1));
            for (int i = 0; i < burst; i++) {
                int slot = free.remove();
                numberOf[slot] = random.nextInt();
                data.putInt(16 * slot, numberOf[slot]);
                driver.makeAvailable(2 * slot);
            }
            if (burst > 0) {
                driver.publish();
                VarHandle.fullFence();
                boolean wanted = !eventIdx && driver.usedFlags() == 0;
                int event = driver.availEvent();
                for (int i = 0; eventIdx && i < burst; i++) {
                    wanted |= (START + offered + i) % 65_536 == event;
                }
                offered += burst;
                if (wanted) {
                    kick.release();
                }
            }
            returned += collect(driver, returned, numberOf, free);
            // Asleep with nothing outstanding nobody would wake it, and rightly.
            if (offered > returned && (free.isEmpty() || offered == CHAINS || random.nextInt(3) == 0)) {
                if (eventIdx) {
                    driver.usedEvent((START + returned) % 65_536);
                } else {
                    driver.availFlags(0);
                }
                VarHandle.fullFence();
                if (driver.usedIdx() == (START + returned) % 65_536) {
                    sleep(call, "driver");
                }
                if (!eventIdx) {
                    driver.availFlags(1);
                }
            }
        }
        return null;
    }

    private static int collect(DriverDouble driver, int returned, int[] numberOf, ArrayDeque<Integer> free) {
        int count = 0;
        while (driver.usedIdx() != (START + returned + count) % 65_536) {
            int index = (START + returned + count) % 65_536;
            int slot = driver.usedId(index) / 2;
            assertThat(driver.usedLen(index)).isEqualTo(4);
            assertThat(driver.data(0).getInt(16 * slot + 8)).isEqualTo(~numberOf[slot]);
            free.add(slot);
            count++;
        }
        return count;
    }
}
