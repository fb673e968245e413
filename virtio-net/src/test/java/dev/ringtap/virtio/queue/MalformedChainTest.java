// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.DriverDouble.DATA;
import static dev.ringtap.virtio.queue.DriverDouble.DATA_BYTES;
import static dev.ringtap.virtio.queue.DriverDouble.F_EVENT_IDX;
import static dev.ringtap.virtio.queue.DriverDouble.INDIRECT;
import static dev.ringtap.virtio.queue.DriverDouble.NEXT;
import static dev.ringtap.virtio.queue.DriverDouble.WRITE;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.ADDRESS_OVERFLOW;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.AVAIL_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.HEAD_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_NOT_NEGOTIATED;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_TABLE;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_WITH_NEXT;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.LOOP;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.NESTED_INDIRECT;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.NEXT_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.READABLE_AFTER_WRITABLE;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.TOO_LONG;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.TOO_MANY_PIECES;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.UNMAPPED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.ringtap.virtio.queue.VirtqueueException.Reason;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a driver that breaks the rules gets: the exact reason, an empty chain and an untouched used ring. */
class MalformedChainTest {
    private static final int START = 65_534;
    private static final int SIZE = 8;
    private static final int MAX_PIECES = 16;
    private static final long TABLE = DATA + 0x1000;

    private final DriverDouble driver = DriverDouble.startingAt(START, SIZE);
    private final DescriptorChain chain = new DescriptorChain(MAX_PIECES);

    @AfterEach
    void close() {
        driver.close();
    }

    /** Offers the chain that starts at descriptor 0 and expects it refused. */
    private void assertRefused(Reason reason, long value) throws VirtqueueException {
        assertRefused(driver, reason, value);
    }

    private void assertRefused(DriverDouble driver, Reason reason, long value) throws VirtqueueException {
        var queue = driver.deviceSide();
        driver.makeAvailable(0).publish();
        int head = queue.pollHead();
        byte[] used = driver.usedRing();
        byte[] driverParts = driver.everythingTheDeviceMustNotWrite();
        assertThrown(reason, value, () -> queue.readChain(head, chain));
        assertThat(driver.usedRing()).isEqualTo(used);
        assertThat(driver.everythingTheDeviceMustNotWrite()).isEqualTo(driverParts);
        assertThat(chain.pieces()).isZero();
        assertThat(chain.readableBytes() + chain.writableBytes()).isZero();

        // Its head was good, so the chain goes back to the driver with nothing written.
        queue.addUsed(head, 0);
        queue.publishUsed();
        assertThat(driver.usedIdx()).isEqualTo(START + 1);
        assertThat(driver.usedId(START)).isZero();
        assertThat(driver.usedLen(START)).isZero();
    }

    private static void assertThrown(Reason reason, long value, ThrowingCallable call) {
        var thrown = catchThrowableOfType(VirtqueueException.class, call);
        assertThat(thrown).as("nothing thrown").isNotNull();
        assertThat(thrown.reason()).as(thrown.getMessage()).isEqualTo(reason);
        assertThat(thrown.value()).isEqualTo(value);
    }

    @ParameterizedTest
    @CsvSource({"9, 9", "10, 10", "32768, 32768", "65535, 65535"})
    void refusesAnAvailableIndexMoreThanSizeAhead(int ahead, long value) {
        var queue = driver.deviceSide();
        driver.publishIdx((START + ahead) % 65_536);
        byte[] used = driver.usedRing();
        assertThrown(AVAIL_INDEX, value, queue::pollHead);
        assertThrown(AVAIL_INDEX, value, queue::availableCount);
        assertThat(queue.nextAvailable()).isEqualTo(START);
        assertThat(driver.usedRing()).isEqualTo(used);
    }

    @Test
    void refusesAnAvailableIndexThatGoesBack() throws Exception {
        var queue = driver.deviceSide();
        driver.offer(1, 2);
        queue.pollHead();
        queue.pollHead();
        driver.publishIdx(START + 1);
        assertThrown(AVAIL_INDEX, 65_535, queue::pollHead);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 9, 255, 0x7FFF, 0x8000, 0xFFFF})
    void refusesAHeadBeyondTheTable(int head) {
        var queue = driver.deviceSide();
        driver.makeAvailable(head).publish();
        byte[] used = driver.usedRing();
        assertThrown(HEAD_INDEX, head, queue::pollHead);
        assertThat(queue.nextAvailable()).as("not taken").isEqualTo(START);
        assertThat(driver.usedRing()).isEqualTo(used);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 9, 0x8000, 0xFFFF})
    void refusesANextBeyondTheTable(int next) throws Exception {
        driver.descriptor(0, DATA, 64, NEXT, next);
        assertRefused(NEXT_INDEX, next);
    }

    @Test
    void refusesADescriptorThatIsItsOwnNext() throws Exception {
        driver.descriptor(0, DATA, 64, NEXT, 0);
        assertRefused(LOOP, 0);
    }

    @Test
    void refusesALoopOfTheWholeTable() throws Exception {
        for (int i = 0; i < SIZE; i++) {
            driver.descriptor(i, DATA + i, 1, NEXT, (i + 1) % SIZE);
        }
        assertRefused(LOOP, 0);
    }

    @Test
    void refusesALoopOfDescriptorsWithoutBytes() throws Exception {
        driver.descriptor(0, DATA, 0, NEXT, 5);
        driver.descriptor(5, DATA, 0, NEXT, 0);
        assertRefused(LOOP, 0);
    }

    @Test
    void takesAChainOfTheWholeTable() throws Exception {
        for (int i = 0; i < SIZE; i++) {
            driver.descriptor(i, DATA + i, 1, i + 1 < SIZE ? NEXT : 0, (i + 1) % SIZE);
        }
        var queue = driver.deviceSide();
        driver.makeAvailable(0).publish();
        queue.readChain(queue.pollHead(), chain);
        assertThat(chain.readableBytes()).isEqualTo(SIZE);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 15, 17, 24, 0xFFFF_FFFFL})
    void refusesAnIndirectTableThatIsNoArrayOfDescriptors(long bytes) throws Exception {
        driver.descriptor(0, TABLE, bytes, INDIRECT, 0);
        assertRefused(INDIRECT_TABLE, bytes);
    }

    @Test
    void refusesAnIndirectTableInNoRegion() throws Exception {
        driver.descriptor(0, 0x5_0000, 32, INDIRECT, 0);
        assertRefused(UNMAPPED, 0x5_0000);
    }

    @Test
    void refusesAnIndirectTableThatReachesOutOfItsRegion() throws Exception {
        long lastEntry = DATA + DATA_BYTES - 16;
        driver.indirect(lastEntry, 0, DATA, 64, 0, 0);
        driver.descriptor(0, lastEntry, 32, INDIRECT, 0);
        assertRefused(UNMAPPED, lastEntry);
    }

    @Test
    void refusesAnIndirectTableBeyondTheLastAddress() throws Exception {
        driver.descriptor(0, -16, 32, INDIRECT, 0);
        assertRefused(ADDRESS_OVERFLOW, -16);
    }

    @Test
    void refusesANextBeyondTheIndirectTable() throws Exception {
        driver.indirect(TABLE, 0, DATA, 64, NEXT, 2);
        driver.indirect(TABLE, 2, DATA, 64, 0, 0);
        driver.descriptor(0, TABLE, 32, INDIRECT, 0);
        assertRefused(NEXT_INDEX, 2);
    }

    @Test
    void refusesALoopInAnIndirectTable() throws Exception {
        driver.indirect(TABLE, 0, DATA, 64, NEXT, 1);
        driver.indirect(TABLE, 1, DATA, 64, NEXT, 0);
        driver.descriptor(0, TABLE, 32, INDIRECT, 0);
        assertRefused(LOOP, 0);
    }

    @Test
    void boundsTheWalkThroughALargeTableWithoutBytes() throws Exception {
        for (int i = 0; i < 64; i++) {
            driver.indirect(TABLE, i, DATA, 0, NEXT, (i + 1) % 64);
        }
        driver.descriptor(0, TABLE, 64 * 16, INDIRECT, 0);
        assertRefused(TOO_MANY_PIECES, MAX_PIECES);
    }

    @ParameterizedTest
    @ValueSource(ints = {MAX_PIECES, MAX_PIECES + 1})
    void countsDescriptorsWithoutBytesAsWell(int descriptors) throws Exception {
        for (int i = 0; i < descriptors; i++) {
            driver.indirect(TABLE, i, DATA, 0, i + 1 < descriptors ? NEXT : 0, i + 1);
        }
        driver.descriptor(0, TABLE, 64 * 16, INDIRECT, 0);
        if (descriptors > MAX_PIECES) {
            assertRefused(TOO_MANY_PIECES, MAX_PIECES);
        } else {
            var queue = driver.deviceSide();
            driver.makeAvailable(0).publish();
            queue.readChain(queue.pollHead(), chain);
            assertThat(chain.pieces()).isZero();
        }
    }

    @Test
    void refusesATableWithinATable() throws Exception {
        driver.indirect(TABLE, 0, TABLE, 16, INDIRECT, 0);
        driver.descriptor(0, TABLE, 16, INDIRECT, 0);
        assertRefused(NESTED_INDIRECT, 0);
    }

    @Test
    void refusesAnIndirectDescriptorThatGoesOn() throws Exception {
        driver.indirect(TABLE, 0, DATA, 64, 0, 0);
        driver.descriptor(0, TABLE, 16, INDIRECT | NEXT, 1);
        driver.descriptor(1, DATA, 64, 0, 0);
        assertRefused(INDIRECT_WITH_NEXT, 0);
    }

    @Test
    void refusesAnIndirectDescriptorThatWasNotNegotiated() throws Exception {
        try (var plain = DriverDouble.startingAt(START, SIZE, F_EVENT_IDX)) {
            plain.indirect(TABLE, 0, DATA, 64, 0, 0);
            plain.descriptor(0, TABLE, 16, INDIRECT, 0);
            assertRefused(plain, INDIRECT_NOT_NEGOTIATED, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, DATA - 1, DATA + DATA_BYTES, 0x7FFF_FFFF_FFFF_FFFFL, 0x8000_0000_0001_0000L})
    void refusesABufferInNoRegion(long address) throws Exception {
        driver.descriptor(0, address, 1, 0, 0);
        assertRefused(UNMAPPED, address);
    }

    @Test
    void refusesABufferThatReachesOutOfItsRegion() throws Exception {
        driver.descriptor(0, DATA + DATA_BYTES - 8, 9, WRITE, 0);
        assertRefused(UNMAPPED, DATA + DATA_BYTES);
    }

    @Test
    void forgetsThePiecesBeforeTheBufferInNoRegion() throws Exception {
        driver.descriptor(0, DATA, 64, NEXT, 1);
        driver.descriptor(1, DATA, 64, NEXT | WRITE, 2);
        driver.descriptor(2, 0, 64, WRITE, 0);
        assertRefused(UNMAPPED, 0);
    }

    @ParameterizedTest
    @CsvSource({"-1, 2", "-16, 17", "-4294967294, 4294967295"})
    void refusesABufferBeyondTheLastAddress(long address, long length) throws Exception {
        // Memory at both ends, so that a sum that wraps would be found mapped.
        driver.region(0, 0x1000);
        driver.region(-0x1000, 0x1000);
        driver.descriptor(0, address, length, 0, 0);
        assertRefused(ADDRESS_OVERFLOW, address);
    }

    @Test
    void takesABufferThatEndsWithTheLastAddress() throws Exception {
        driver.region(-0x1000, 0x1000);
        driver.descriptor(0, -16, 16, 0, 0);
        var queue = driver.deviceSide();
        driver.makeAvailable(0).publish();
        queue.readChain(queue.pollHead(), chain);
        assertThat(chain.pieces()).isOne();
        assertThat(chain.offset(0)).isEqualTo(0x1000 - 16);
    }

    @Test
    void refusesReadableAfterWritable() throws Exception {
        driver.descriptor(0, DATA, 64, NEXT | WRITE, 1);
        driver.descriptor(1, DATA, 64, 0, 0);
        assertRefused(READABLE_AFTER_WRITABLE, 0);
    }

    @Test
    void refusesReadableAfterWritableEvenIfItHasNoBytes() throws Exception {
        driver.descriptor(0, DATA, 0, NEXT | WRITE, 1);
        driver.descriptor(1, DATA, 0, 0, 0);
        assertRefused(READABLE_AFTER_WRITABLE, 0);
    }

    @Test
    void refusesReadableInATableAfterWritableBeforeIt() throws Exception {
        driver.descriptor(0, DATA, 64, NEXT | WRITE, 1);
        driver.descriptor(1, TABLE, 16, INDIRECT, 0);
        driver.indirect(TABLE, 0, DATA, 64, 0, 0);
        assertRefused(READABLE_AFTER_WRITABLE, 0);
    }

    @Test
    void refusesMorePiecesThanTheDeviceTakes() throws Exception {
        int entries = MAX_PIECES + 1;
        for (int i = 0; i < entries; i++) {
            driver.indirect(TABLE, i, DATA + i, 1, i + 1 < entries ? NEXT : 0, i + 1);
        }
        driver.descriptor(0, TABLE, entries * 16L, INDIRECT, 0);
        assertRefused(TOO_MANY_PIECES, MAX_PIECES);
    }

    @Test
    void takesATableOfMoreDescriptorsThanTheQueueHas() throws Exception {
        for (int i = 0; i < MAX_PIECES; i++) {
            driver.indirect(TABLE, i, DATA + i, 1, i + 1 < MAX_PIECES ? NEXT : 0, i + 1);
        }
        driver.descriptor(0, TABLE, MAX_PIECES * 16L, INDIRECT, 0);
        var queue = driver.deviceSide();
        driver.makeAvailable(0).publish();
        queue.readChain(queue.pollHead(), chain);
        assertThat(chain.pieces()).isEqualTo(MAX_PIECES);
    }

    @Test
    void refusesMoreThanTwoToThe32Bytes() throws Exception {
        // Reserved address space only: nothing of it is touched.
        try (var large = DriverDouble.startingAt(START, SIZE)) {
            large.largeRegion(1L << 40, (1L << 32) + 4096);
            large.descriptor(0, 1L << 40, 0xFFFF_FFFFL, NEXT, 1);
            large.descriptor(1, 1L << 40, 1, NEXT | WRITE, 2);
            large.descriptor(2, 1L << 40, 1, WRITE, 0);
            assertRefused(large, TOO_LONG, (1L << 32) + 1);
        }
    }

    @Test
    void takesTwoToThe32BytesInPiecesOfAnIntsSize() throws Exception {
        try (var large = DriverDouble.startingAt(START, SIZE)) {
            large.largeRegion(1L << 40, (1L << 32) + 4096);
            large.descriptor(0, 1L << 40, 0xFFFF_FFFFL, NEXT, 1);
            large.descriptor(1, 1L << 40, 1, WRITE, 0);
            var queue = large.deviceSide();
            large.makeAvailable(0).publish();
            queue.readChain(queue.pollHead(), chain);
            assertThat(chain.readableBytes()).isEqualTo(0xFFFF_FFFFL);
            assertThat(chain.readable()).isEqualTo(4);
            assertThat(chain.length(3)).isEqualTo((1 << 30) - 1);
            assertThat(chain.offset(3)).isEqualTo(3L << 30);
            assertThat(chain.nativeAddress(3)).isEqualTo(chain.nativeAddress(0) + (3L << 30));
        }
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void saysInOneLineWhatWasWrong(Reason reason) {
        String message = new VirtqueueException(reason, 4711).getMessage();
        assertThat(message).containsAnyOf("4711", "0x1267").doesNotContain("\n").doesNotContain("%");
    }
}
