// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.SplitVirtqueue.EMPTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.ringtap.virtio.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Chains taken and given back by a driver that keeps to the rules. */
class SplitVirtqueueTest {
    private static final int START = 65_534;

    @Test
    void pollsHeadsInOrderAcrossTheWrapOfTheIndex() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 8)) {
            var queue = driver.deviceSide();
            assertThat(queue.pollHead()).isEqualTo(EMPTY);
            driver.offer(3, 5, 7);
            assertThat(queue.availableCount()).isEqualTo(3);
            assertThat(queue.pollHead()).isEqualTo(3);
            assertThat(queue.pollHead()).isEqualTo(5);
            assertThat(queue.nextAvailable()).isEqualTo(0);
            assertThat(queue.pollHead()).isEqualTo(7);
            assertThat(queue.pollHead()).isEqualTo(EMPTY);
            assertThat(queue.nextAvailable()).isEqualTo(1);
        }
    }

    @Test
    void showsNothingOfTheUsedRingBeforeItIsPublishedAndThenAllAtOnce() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            driver.offer(2, 0, 3);
            queue.pollHead();
            queue.pollHead();
            queue.pollHead();
            queue.addUsed(3, 0x01020304);
            queue.addUsed(2, 0);
            queue.addUsed(0, -1);
            assertThat(driver.usedIdx()).isEqualTo(START);
            queue.publishUsed();
            assertThat(driver.usedIdx()).isEqualTo(1);
            assertThat(driver.usedId(65_534)).isEqualTo(3);
            assertThat(driver.usedLen(65_534)).isEqualTo(0x01020304);
            assertThat(driver.usedId(65_535)).isEqualTo(2);
            assertThat(driver.usedLen(65_535)).isZero();
            assertThat(driver.usedId(0)).isEqualTo(0);
            assertThat(driver.usedLen(0)).isEqualTo(-1);
        }
    }

    @Test
    void neverWritesToTheDriversPartsAndStaysInsideItsOwn() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 2)) {
            var queue = driver.deviceSide();
            var chain = new DescriptorChain(4);
            for (int i = 0; i < 9; i++) {
                driver.offer(i % 2);
                byte[] before = driver.everythingTheDeviceMustNotWrite();
                queue.disableKicks();
                int head = queue.pollHead();
                queue.readChain(head, chain);
                queue.addUsed(head, 0);
                queue.publishUsed();
                queue.driverWantsCall();
                queue.enableKicks();
                assertThat(driver.everythingTheDeviceMustNotWrite()).isEqualTo(before);
            }
            // Without EVENT_IDX there is no avail_event.
            assertThat(driver.availEvent()).isZero();
        }
    }

    @Test
    void pollsAgainWhatWasPutBack() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            driver.offer(1, 2, 3);
            assertThat(queue.pollHead()).isEqualTo(1);
            assertThat(queue.pollHead()).isEqualTo(2);
            assertThat(queue.pollHead()).isEqualTo(3);
            queue.unpoll(2);
            assertThat(queue.nextAvailable()).isEqualTo(65_535);
            assertThat(queue.availableCount()).isEqualTo(2);
            assertThat(queue.pollHead()).isEqualTo(2);
            assertThat(queue.pollHead()).isEqualTo(3);
            assertThat(queue.pollHead()).isEqualTo(EMPTY);
            queue.unpoll(0);
            assertThatIllegalArgumentException().isThrownBy(() -> queue.unpoll(4));
            assertThatIllegalArgumentException().isThrownBy(() -> queue.unpoll(-1));
        }
    }

    @Test
    void servesAFullRingRoundAndRound() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            for (int round = 0; round < 20_000; round++) {
                driver.offer(3, 1, 0, 2);
                for (int expected : new int[] {3, 1, 0, 2}) {
                    assertThat(queue.pollHead()).isEqualTo(expected);
                    queue.addUsed(expected, round);
                }
                assertThat(queue.pollHead()).isEqualTo(EMPTY);
                queue.publishUsed();
            }
            assertThat(driver.usedIdx()).isEqualTo((START + 80_000) % 65_536);
        }
    }

    @Test
    void hasAQueueOfOneDescriptor() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 1)) {
            var queue = driver.deviceSide();
            for (int i = 0; i < 5; i++) {
                driver.offer(0);
                assertThat(queue.pollHead()).isZero();
                queue.addUsed(0, i);
                queue.publishUsed();
            }
            assertThat(driver.usedIdx()).isEqualTo(3);
            assertThat(driver.usedLen(0)).isEqualTo(4);
        }
    }

    @Test
    void hasTheLargestQueueFull() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 32_768)) {
            var queue = driver.deviceSide();
            int[] heads = new int[32_768];
            for (int i = 0; i < heads.length; i++) {
                heads[i] = 32_767 - i;
            }
            driver.makeAvailable(heads).publish();
            assertThat(queue.availableCount()).isEqualTo(32_768);
            for (int head : heads) {
                assertThat(queue.pollHead()).isEqualTo(head);
            }
            assertThat(queue.pollHead()).isEqualTo(EMPTY);
        }
    }

    @Test
    void goesOnFromBaseAndFromTheUsedIndexInTheRing() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var first = driver.deviceSide();
            driver.offer(0, 1, 2);
            first.addUsed(first.pollHead(), 7);
            first.publishUsed();
            int base = first.nextAvailable();

            var second = driver.deviceSide(base);
            assertThat(second.pollHead()).isEqualTo(1);
            second.addUsed(1, 11);
            second.publishUsed();
            assertThat(driver.usedIdx()).isEqualTo(0);
            assertThat(driver.usedId(65_535)).isEqualTo(1);
            assertThat(driver.usedLen(65_535)).isEqualTo(11);
        }
    }

    @Test
    void goesOnWhereAvailableAndUsedIndexesDiffer() throws Exception {
        // Chains in flight when the device before ended were never used: the two counts part for good.
        try (var driver = DriverDouble.startingAt(START, 4)) {
            driver.usedIdx(START - 2);
            var queue = driver.deviceSide();
            driver.offer(1);
            queue.addUsed(queue.pollHead(), 5);
            queue.publishUsed();
            assertThat(driver.usedIdx()).isEqualTo(START - 1);
            assertThat(driver.usedId(START - 2)).isEqualTo(1);
        }
    }

    @Test
    void takesTheUsedIndexFromTheRingOnceOnly() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            driver.usedIdx(17);
            driver.offer(1);
            queue.addUsed(queue.pollHead(), 5);
            queue.publishUsed();
            assertThat(driver.usedIdx()).isEqualTo(START + 1);
        }
    }

    @Test
    void leavesTheUsedIndexAloneWhenNothingWasUsed() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            driver.usedIdx(17);
            queue.publishUsed();
            assertThat(driver.usedIdx()).isEqualTo(17);
        }
    }

    @Test
    void refusesToUseWhatIsNotInFlight() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            assertThatThrownBy(() -> queue.addUsed(0, 0)).isInstanceOf(IllegalStateException.class);
            driver.offer(1);
            queue.pollHead();
            assertThatThrownBy(() -> queue.addUsed(4, 0)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> queue.addUsed(-1, 0)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> queue.readChain(EMPTY, new DescriptorChain(1)))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 3, 6, 65_535, 65_536, Integer.MIN_VALUE})
    void refusesASizeThatNoSplitRingHas(int size) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment part = arena.allocate(1 << 20, 16);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(GuestMemory.of(List.of()), size, part, part, part, 0, 0))
                    .withMessageContaining("size " + size);
        }
    }

    @Test
    void refusesMisalignedRingsNamingTheAddress() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment part = arena.allocate(4096, 16);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> queueOver(part.asSlice(8), part, part))
                    .withMessageContaining("descriptor table")
                    .withMessageContaining(Long.toHexString(part.address() + 8))
                    .withMessageContaining("16");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> queueOver(part, part.asSlice(1), part))
                    .withMessageContaining("available ring");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> queueOver(part, part, part.asSlice(2)))
                    .withMessageContaining("used ring");
            queueOver(part.asSlice(16), part.asSlice(2), part.asSlice(4));
        }
    }

    private static SplitVirtqueue queueOver(MemorySegment desc, MemorySegment avail, MemorySegment used) {
        return new SplitVirtqueue(GuestMemory.of(List.of()), 8, desc, avail, used, 0, 0);
    }

    @Test
    void refusesRingsThatAreTooShort() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment part = arena.allocate(4096, 16);
            var memory = GuestMemory.of(List.of());
            // Size 8: 128 bytes of descriptors; 4 + 16, and 2 for used_event; 4 + 64, and 2 for avail_event.
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(memory, 8, part.asSlice(0, 127), part, part, 0, 0))
                    .withMessageContaining("127")
                    .withMessageContaining("128");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(memory, 8, part, part.asSlice(0, 19), part, 0, 0));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(memory, 8, part, part, part.asSlice(0, 67), 0, 0));
            long event = DriverDouble.F_EVENT_IDX;
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(memory, 8, part, part.asSlice(0, 21), part, event, 0));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new SplitVirtqueue(memory, 8, part, part, part.asSlice(0, 69), event, 0));
            new SplitVirtqueue(memory, 8, part.asSlice(0, 128), part.asSlice(0, 20), part.asSlice(0, 68), 0, 0);
            new SplitVirtqueue(memory, 8, part.asSlice(0, 128), part.asSlice(0, 22), part.asSlice(0, 70), event, 0);
        }
    }

    @Test
    void refusesRingsOnTheHeap() {
        MemorySegment heap = MemorySegment.ofArray(new long[512]);
        assertThatIllegalArgumentException().isThrownBy(() -> queueOver(heap, heap, heap));
    }

    @Test
    void showsItsState() throws Exception {
        try (var driver = DriverDouble.startingAt(START, 4)) {
            var queue = driver.deviceSide();
            driver.offer(1, 2, 3);
            queue.pollHead();
            queue.pollHead();
            queue.addUsed(2, 0);
            assertThat(queue)
                    .hasToString("SplitVirtqueue[size=4, nextAvail=0, used=65534, unpublished=1, inFlight=1,"
                            + " INDIRECT_DESC]");
            assertThat(queue.size()).isEqualTo(4);
        }
    }

    @Test
    void allocatesNothingForAChain() throws Exception {
        try (var driver =
                DriverDouble.startingAt(START, 256, DriverDouble.F_EVENT_IDX | DriverDouble.F_INDIRECT_DESC)) {
            var queue = driver.deviceSide();
            var chain = new DescriptorChain(16);
            var bytes = new byte[32];
            serve(driver, queue, chain, bytes, 30_000);
            var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadAllocatedBytes();
            int chains = 100_000;
            serve(driver, queue, chain, bytes, chains);
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            // Less than the smallest object for each, so that what the JVM itself does now and then is let pass.
            assertThat(allocated).isLessThan(chains);
        }
    }

    private static void serve(
            DriverDouble driver, SplitVirtqueue queue, DescriptorChain chain, byte[] bytes, int chains)
            throws VirtqueueException {
        driver.descriptor(0, DriverDouble.DATA, 48, DriverDouble.INDIRECT, 0);
        driver.indirect(DriverDouble.DATA, 0, DriverDouble.DATA + 512, 12, DriverDouble.NEXT, 2);
        driver.indirect(DriverDouble.DATA, 2, DriverDouble.DATA + 1024, 1500, DriverDouble.WRITE, 0);
        driver.descriptor(1, DriverDouble.DATA + 4096, 64, DriverDouble.NEXT, 2);
        driver.descriptor(2, DriverDouble.DATA + 8192, 64, DriverDouble.WRITE, 0);
        // The double's varargs would count.
        int[] heads = {0, 1};
        for (int i = 0; i < chains; i += 2) {
            driver.makeAvailable(heads).publish();
            queue.disableKicks();
            int head;
            while ((head = queue.pollHead()) != EMPTY) {
                queue.readChain(head, chain);
                chain.copyOut(4, bytes, 0, 8);
                chain.copyIn(40, bytes, 0, 8);
                queue.addUsed(head, 48);
            }
            queue.publishUsed();
            queue.driverWantsCall();
            queue.enableKicks();
        }
    }
}
