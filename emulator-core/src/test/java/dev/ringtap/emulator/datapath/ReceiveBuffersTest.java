// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.virtio.memory.GuestMemory;
import dev.ringtap.virtio.memory.GuestMemoryException;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a burst takes off the ring, and that every buffer is used once, goes back, or waits for the next burst. */
class ReceiveBuffersTest {
    private static final int RING = 8;
    private static final int BASE = 65_534;
    private static final int BUFFER_BYTES = 100;
    private static final long DESCRIPTORS = 0;
    private static final long AVAILABLE = 128;
    private static final long USED = 256;
    private static final long DATA = 4096;
    private static final int DESC_NEXT = 1;
    private static final int DESC_WRITE = 2;
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(64 * 1024, 4096);
    private final SplitVirtqueue queue = ring();
    private final ReceiveBuffers buffers = new ReceiveBuffers();
    private int availableIndex = BASE;

    private SplitVirtqueue ring() {
        try {
            // The driver's indexes begin near their end, so that every test crosses the wrap.
            memory.set(LE16, AVAILABLE + 2, (short) BASE);
            memory.set(LE16, USED + 2, (short) BASE);
            GuestMemory guest = GuestMemory.of(List.of(new GuestMemory.Region(0, 0, memory)));
            return new SplitVirtqueue(
                    guest,
                    RING,
                    guest.slice(DESCRIPTORS, 16 * RING),
                    guest.slice(AVAILABLE, 6 + 2 * RING),
                    guest.slice(USED, 6 + 8 * RING),
                    0,
                    BASE);
        } catch (GuestMemoryException e) {
            throw new AssertionError(e);
        }
    }

    @AfterEach
    void free() {
        arena.close();
    }

    @Test
    void chainsBehindTheLastUsedOneGoBackToTheRing() throws Exception {
        begin(4);
        assertThat(reserve(0)).isTrue();
        assertThat(reserve(1)).isTrue();
        assertThat(reserve(2)).isTrue();
        assertThat(buffers.use(0, 60, false)).isEqualTo(1);
        buffers.returnUnused();
        queue.publishUsed();
        assertThat(queue.nextAvailable()).isEqualTo(BASE + 1 & 0xFFFF);
        assertThat(used()).containsExactly("0:60");
    }

    @Test
    void aChainBeforeAUsedOneWaitsAndIsTakenFirst() throws Exception {
        begin(4);
        reserve(0);
        reserve(1);
        buffers.use(1, 70, false);
        buffers.returnUnused();
        assertThat(queue.nextAvailable()).isEqualTo(BASE + 2 & 0xFFFF);

        buffers.begin();
        reserve(0);
        reserve(1);
        buffers.use(0, 71, false);
        buffers.use(1, 72, false);
        buffers.returnUnused();
        queue.publishUsed();
        assertThat(used()).containsExactly("1:70", "0:71", "2:72");
    }

    @Test
    void whatIsStillHereAtTheEndGoesBackEmpty() throws Exception {
        begin(3);
        reserve(0);
        reserve(1);
        buffers.use(1, 70, false);
        buffers.returnUnused();
        assertThat(buffers.giveBackEmpty()).isTrue();
        assertThat(buffers.giveBackEmpty()).as("nothing left").isFalse();
        queue.publishUsed();
        assertThat(used()).containsExactly("1:70", "0:0");
    }

    @Test
    void aFrameSpansChainsAndEachTellsItsShare() throws Exception {
        begin(4);
        assertThat(buffers.reserve(0, 250, true, 1)).isTrue();
        assertThat(buffers.chainCount(0)).isEqualTo(3);
        assertThat(buffers.capacityBytes(0)).isEqualTo(3 * BUFFER_BYTES);
        assertThat(buffers.use(0, 210, false)).isEqualTo(3);
        buffers.returnUnused();
        queue.publishUsed();
        assertThat(used()).containsExactly("0:100", "1:100", "2:10");
    }

    @Test
    void aFrameThatOutgrowsItsSlotIsFinishedByACopy() throws Exception {
        begin(4);
        buffers.reserve(0, 50, true, 1);
        MemorySegment rest = arena.allocate(150);
        for (int i = 0; i < 150; i++) {
            rest.set(ValueLayout.JAVA_BYTE, i, (byte) (i + 1));
        }
        assertThat(buffers.extend(rest, 150)).isTrue();
        assertThat(buffers.use(0, BUFFER_BYTES + 150, true)).isEqualTo(3);
        buffers.returnUnused();
        queue.publishUsed();
        assertThat(used()).containsExactly("0:100", "1:100", "2:50");
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 1024)).isEqualTo((byte) 1);
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 2 * 1024 + 49)).isEqualTo((byte) 150);
    }

    @Test
    void anExtensionThatFindsTooLittleLeavesEverythingUnused() throws Exception {
        begin(2);
        buffers.reserve(0, 50, true, 1);
        assertThat(buffers.extend(arena.allocate(150), 150)).isFalse();
        buffers.returnUnused();
        assertThat(queue.nextAvailable()).isEqualTo(BASE);
    }

    @Test
    void aFrameOfUsualLengthWaitsForMoreBuffers() throws Exception {
        begin(3);
        assertThat(buffers.reserve(0, 400, true, 400)).isFalse();
        buffers.returnUnused();
        makeAvailable(3, 1);
        assertThat(buffers.reserve(0, 400, true, 400)).isTrue();
    }

    @Test
    void aRingThatIsAllHereAndStillTooShortIsUsedAsItIs() throws Exception {
        begin(RING);
        assertThat(buffers.reserve(0, 5000, true, 5000)).isTrue();
        assertThat(buffers.capacityBytes(0)).isEqualTo(RING * BUFFER_BYTES);
    }

    @Test
    void bytesAreFoundAcrossPieces() throws Exception {
        descriptor(0, DATA, 12, DESC_WRITE | DESC_NEXT, 1);
        descriptor(1, DATA + 100, 8, DESC_WRITE | DESC_NEXT, 2);
        descriptor(2, DATA + 200, 50, DESC_WRITE, 0);
        publish(0);
        buffers.attach(queue);
        buffers.begin();
        assertThat(buffers.reserve(0, 60, false, 0)).isTrue();
        for (int i = 0; i < 50; i++) {
            memory.set(ValueLayout.JAVA_BYTE, DATA + 200 + i, (byte) i);
        }

        assertThat(buffers.locate(0, 20)).isEqualTo(50);
        assertThat(buffers.segment().address() + buffers.offset()).isEqualTo(memory.address() + DATA + 200);
        assertThat(buffers.locate(0, 15)).isEqualTo(5);
        assertThat(buffers.locate(0, 70)).as("the end of the room").isZero();

        MemorySegment copy = arena.allocate(64);
        assertThat(buffers.copyOut(0, 18, copy, 0, 10)).isEqualTo(10);
        assertThat(copy.get(ValueLayout.JAVA_BYTE, 2)).isZero();
        assertThat(copy.get(ValueLayout.JAVA_BYTE, 9)).isEqualTo((byte) 7);
        assertThat(buffers.copyOut(0, 60, copy, 0, 64)).isEqualTo(10);

        try (IovecArray iovecs = new IovecArray(4)) {
            assertThat(buffers.fillIovecs(0, 20, iovecs, 1)).isEqualTo(2);
            assertThat(buffers.fillIovecs(0, 10, iovecs, 0)).isEqualTo(3);
        }

        copy.fill((byte) 0x5A);
        buffers.copyIn(0, 0, copy, 0, 20);
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 11)).isEqualTo((byte) 0x5A);
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 12)).isZero();
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 107)).isEqualTo((byte) 0x5A);
        assertThat(memory.get(ValueLayout.JAVA_BYTE, DATA + 200)).isZero();
    }

    @Test
    void aReadableReceiveBufferIsTheDriversFault() {
        descriptor(0, DATA, 100, 0, 0);
        publish(0);
        buffers.attach(queue);
        buffers.begin();
        assertThatThrownBy(() -> reserve(0))
                .isInstanceOfSatisfying(
                        VirtqueueException.class,
                        e -> assertThat(e.reason()).isEqualTo(VirtqueueException.Reason.NOT_WRITABLE));
        assertThat(buffers.giveBackEmpty()).as("its head was good").isTrue();
    }

    private boolean reserve(int slot) throws VirtqueueException {
        return buffers.reserve(slot, BUFFER_BYTES, true, 1);
    }

    private void begin(int available) {
        makeAvailable(0, available);
        buffers.attach(queue);
        buffers.begin();
    }

    private void makeAvailable(int first, int count) {
        for (int i = first; i < first + count; i++) {
            descriptor(i, DATA + 1024L * i, BUFFER_BYTES, DESC_WRITE, 0);
            publish(i);
        }
    }

    private void descriptor(int index, long address, int bytes, int flags, int next) {
        memory.set(LE64, DESCRIPTORS + 16L * index, address);
        memory.set(LE32, DESCRIPTORS + 16L * index + 8, bytes);
        memory.set(LE16, DESCRIPTORS + 16L * index + 12, (short) flags);
        memory.set(LE16, DESCRIPTORS + 16L * index + 14, (short) next);
    }

    private void publish(int head) {
        memory.set(LE16, AVAILABLE + 4 + 2L * (availableIndex % RING), (short) head);
        availableIndex = availableIndex + 1 & 0xFFFF;
        memory.set(LE16, AVAILABLE + 2, (short) availableIndex);
    }

    /** The used ring since the start, each entry as head:length. */
    private List<String> used() {
        List<String> entries = new ArrayList<>();
        int end = memory.get(LE16, USED + 2) & 0xFFFF;
        for (int i = BASE; i != end; i = i + 1 & 0xFFFF) {
            long entry = USED + 4 + 8L * (i % RING);
            entries.add(memory.get(LE32, entry) + ":" + memory.get(LE32, entry + 4));
        }
        return entries;
    }
}
