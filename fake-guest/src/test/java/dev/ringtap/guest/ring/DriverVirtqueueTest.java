// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.ring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.memory.GuestRam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The driver's ring bytes against the specification; the device's side is poked in here by plain offsets. */
class DriverVirtqueueTest {
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final BufferList buffer = new BufferList();
    private GuestRam ram;
    private DriverVirtqueue queue;
    private MemorySegment descriptors;
    private MemorySegment available;
    private MemorySegment used;
    private int size;

    @BeforeEach
    void share() throws Exception {
        ram = GuestRam.create(1 << 20, 1);
    }

    @AfterEach
    void unmap() {
        ram.close();
    }

    private void queue(int entries, int base, boolean eventIndex, int indirectEntries) {
        size = entries;
        queue = new DriverVirtqueue(ram, entries, base, eventIndex, indirectEntries);
        descriptors = at(queue.descriptorUserAddress(), 16L * entries);
        available = at(queue.availableUserAddress(), 6 + 2L * entries);
        used = at(queue.usedUserAddress(), 6 + 8L * entries);
    }

    private MemorySegment at(long userAddress, long bytes) {
        GuestRam.Region region = ram.regions().getFirst();
        return ram.segment().asSlice(userAddress - region.userAddress(), bytes);
    }

    private static String hex(MemorySegment memory) {
        return HexFormat.of().formatHex(memory.toArray(ValueLayout.JAVA_BYTE));
    }

    private void use(int index, int head, int length) {
        long entry = 4 + 8L * (index % size);
        used.set(LE32, entry, head);
        used.set(LE32, entry + 4, length);
        used.set(LE16, 2, (short) (index + 1));
    }

    private int addWritable(int pieces) {
        buffer.clear();
        for (int i = 0; i < pieces; i++) {
            buffer.writable(0x1_0000_1000L + 0x100 * i, 0x80);
        }
        return queue.add(buffer);
    }

    @Test
    void partsAreAlignedAndSeparate() {
        queue(8, 0, true, 4);
        assertThat(queue.descriptorUserAddress() % 16).isZero();
        assertThat(queue.availableUserAddress() % 2).isZero();
        assertThat(queue.usedUserAddress() % 4).isZero();
        assertThat(queue.availableUserAddress()).isGreaterThanOrEqualTo(queue.descriptorUserAddress() + 16 * 8);
        assertThat(queue.usedUserAddress()).isGreaterThanOrEqualTo(queue.availableUserAddress() + 6 + 2 * 8);
    }

    @Test
    void chainHasTheBytesOfTheSpecification() {
        queue(4, 0, false, 0);
        buffer.clear()
                .readable(0x1_0000_2000L, 12)
                .readable(0x1_0000_3000L, 1514)
                .writable(0x1_0000_4000L, 1);
        assertThat(queue.add(buffer)).isZero();
        assertThat(available.get(LE16, 2)).as("not published yet").isZero();
        assertThat(queue.publish()).isTrue();
        assertThat(hex(descriptors))
                .isEqualTo("0020000001000000" + "0c000000" + "0100" + "0100"
                        + "0030000001000000" + "ea050000" + "0100" + "0200"
                        + "0040000001000000" + "01000000" + "0200" + "0000"
                        + "00".repeat(16));
        assertThat(hex(available)).isEqualTo("0000" + "0100" + "0000000000000000" + "0000");
    }

    @Test
    void severalElementsGoThroughAnIndirectTable() {
        queue(4, 0, false, 3);
        buffer.clear().readable(0x1_0000_2000L, 12).writable(0x1_0000_4000L, 1);
        int head = queue.add(buffer);
        queue.publish();
        MemorySegment entry = descriptors.asSlice(16L * head, 16);
        assertThat(entry.get(LE32, 8)).isEqualTo(2 * 16);
        assertThat(entry.get(LE16, 12)).as("INDIRECT alone").isEqualTo((short) 4);
        MemorySegment table = ram.segment().asSlice(entry.get(LE64, 0) - GuestRam.GUEST_BASE, 32);
        assertThat(hex(table))
                .isEqualTo("0020000001000000" + "0c000000" + "0100" + "0100" + "0040000001000000" + "01000000" + "0200"
                        + "0000");
        // One descriptor of the ring each, however long; a single element needs no table; too long ones are chains.
        assertThat(queue.freeDescriptors()).isEqualTo(3);
        int single = addWritable(1);
        assertThat(descriptors.get(LE16, 16L * single + 12)).isEqualTo((short) 2);
        assertThat(queue.hasRoomFor(4)).isFalse();
        assertThat(queue.hasRoomFor(3)).isTrue();
    }

    @Test
    void indexesWrapAtTheEndOfSixteenBits() throws Exception {
        queue(4, 65_534, false, 0);
        assertThat(available.get(LE16, 2)).isEqualTo((short) 65_534);
        for (int i = 0; i < 10; i++) {
            int index = 65_534 + i;
            int head = addWritable(1);
            queue.publish();
            assertThat(available.get(LE16, 2)).isEqualTo((short) (index + 1));
            assertThat(available.get(LE16, 4 + 2L * (index % 4))).isEqualTo((short) head);
            assertThat(queue.pollUsed()).isEqualTo(DriverVirtqueue.NONE);
            use(index & 0xFFFF, head, i);
            assertThat(queue.pollUsed()).isEqualTo(head);
            assertThat(queue.lastUsedLength()).isEqualTo(i);
        }
        assertThat(queue.outstanding()).isZero();
        assertThat(queue.nextAvailable()).isEqualTo(8);
    }

    @Test
    void fullRingTakesNoMoreAndLosesNothing() throws Exception {
        queue(4, 0, false, 0);
        int first = addWritable(3);
        assertThat(addWritable(2)).isEqualTo(DriverVirtqueue.NONE);
        int second = addWritable(1);
        assertThat(addWritable(1)).isEqualTo(DriverVirtqueue.NONE);
        queue.publish();
        // Used out of order.
        use(0, second, 0);
        use(1, first, 384);
        assertThat(queue.pollUsed()).isEqualTo(second);
        assertThat(queue.pollUsed()).isEqualTo(first);
        assertThat(queue.freeDescriptors()).isEqualTo(4);
        assertThat(addWritable(4)).isNotEqualTo(DriverVirtqueue.NONE);
    }

    @Test
    void kickFollowsTheFlagWithoutEventIndex() {
        queue(8, 0, false, 0);
        addWritable(1);
        assertThat(queue.publish()).isTrue();
        used.set(LE16, 0, (short) 1);
        addWritable(1);
        assertThat(queue.publish()).isFalse();
        used.set(LE16, 0, (short) 0);
        assertThat(queue.publish()).as("nothing new").isFalse();
        addWritable(1);
        assertThat(queue.publish()).isTrue();
    }

    @Test
    void kickFollowsAvailEventWithEventIndex() {
        queue(8, 65_534, true, 0);
        used.set(LE16, 0, (short) 1);
        long availEvent = 4 + 8 * 8;
        // Entries 65534, 65535 and 0 in one go; the device waits for the last.
        used.set(LE16, availEvent, (short) 0);
        addWritable(1);
        addWritable(1);
        addWritable(1);
        assertThat(queue.publish()).isTrue();
        addWritable(1);
        assertThat(queue.publish()).as("entry 1, event 0").isFalse();
        used.set(LE16, availEvent, (short) 3);
        addWritable(1);
        assertThat(queue.publish()).as("entry 2, event 3").isFalse();
        addWritable(1);
        assertThat(queue.publish()).as("entry 3, event 3").isTrue();
    }

    @Test
    void callsAreWantedThroughFlagOrEvent() throws Exception {
        queue(8, 0, false, 0);
        queue.disableCalls();
        assertThat(available.get(LE16, 0)).isEqualTo((short) 1);
        assertThat(queue.enableCalls()).isFalse();
        assertThat(available.get(LE16, 0)).isZero();

        queue(8, 0, true, 0);
        long usedEvent = 4 + 2 * 8;
        int head = addWritable(1);
        queue.publish();
        queue.disableCalls();
        assertThat(available.get(LE16, 0))
                .as("the flag is not ours with EVENT_IDX")
                .isZero();
        assertThat(available.get(LE16, usedEvent)).isEqualTo((short) -1);
        use(0, head, 0);
        assertThat(queue.enableCalls()).as("used meanwhile").isTrue();
        assertThat(queue.pollUsed()).isEqualTo(head);
        assertThat(queue.enableCalls()).isFalse();
        assertThat(available.get(LE16, usedEvent)).isEqualTo((short) 1);
    }

    @Test
    void impossibleUsedEntriesAreFaults() {
        queue(4, 0, false, 0);
        int head = addWritable(1);
        queue.publish();

        use(0, 4, 0);
        assertThatThrownBy(queue::pollUsed).hasMessage("used entry 0 names chain 4, which is not with the device");
        use(0, -1, 0);
        assertThatThrownBy(queue::pollUsed).hasMessageContaining("chain 4294967295");
        use(0, head ^ 1, 0);
        assertThatThrownBy(queue::pollUsed).hasMessageContaining("not with the device");
        use(0, head, 0x81);
        assertThatThrownBy(queue::pollUsed)
                .hasMessage("used entry 0: 129 bytes written into a chain of 128 writable ones");
        use(1, head, 0);
        assertThatThrownBy(queue::pollUsed)
                .isInstanceOf(DeviceFaultException.class)
                .hasMessage("used idx is 2 ahead, but only 1 chains are with the device");
    }

    @Test
    void aChainUsedTwiceIsAFault() throws Exception {
        queue(4, 0, false, 0);
        int head = addWritable(1);
        addWritable(1);
        queue.publish();
        use(0, head, 0);
        use(1, head, 0);
        assertThat(queue.pollUsed()).isEqualTo(head);
        assertThatThrownBy(queue::pollUsed).isInstanceOf(DeviceFaultException.class);
    }

    @Test
    void chainsOfEveryKindComeBackInAnyOrder() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        queue(16, 65_500, random.nextBoolean(), random.nextInt(5));
        ArrayDeque<Integer> outstanding = new ArrayDeque<>();
        int usedIndex = 65_500;
        for (int i = 0; i < 10_000; i++) {
            if (random.nextBoolean()) {
                int head = addWritable(1 + random.nextInt(6));
                if (head != DriverVirtqueue.NONE) {
                    assertThat(outstanding).as("seed %d", seed).doesNotContain(head);
                    if (random.nextBoolean()) {
                        outstanding.addFirst(head);
                    } else {
                        outstanding.addLast(head);
                    }
                    queue.publish();
                }
            } else if (!outstanding.isEmpty()) {
                int head = outstanding.remove();
                use(usedIndex++ & 0xFFFF, head, 1);
                assertThat(queue.pollUsed()).as("seed %d", seed).isEqualTo(head);
            }
            assertThat(queue.outstanding()).as("seed %d", seed).isEqualTo(outstanding.size());
        }
        for (int head : outstanding) {
            use(usedIndex++ & 0xFFFF, head, 1);
            queue.pollUsed();
        }
        assertThat(queue.freeDescriptors()).as("seed %d", seed).isEqualTo(16);
    }

    @Test
    void anyRingByteCanBeWritten() {
        queue(4, 0, true, 0);
        queue.rawDescriptor(3, -1L, -1, 7, 65_535);
        queue.rawAvailableEntry(2, 9);
        queue.rawAvailableFlags(0xBEEF);
        queue.rawUsedEvent(0x1234);
        queue.rawAvailableIndex(500);
        assertThat(hex(descriptors.asSlice(48, 16))).isEqualTo("ffffffffffffffff" + "ffffffff" + "0700" + "ffff");
        assertThat(hex(available)).isEqualTo("efbe" + "f401" + "0000" + "0000" + "0900" + "0000" + "3412");
        assertThat(queue.rawAvailableIndex()).isEqualTo(500);
        use(0, 7, 8);
        used.set(LE16, 0, (short) 1);
        used.set(LE16, 4 + 8 * 4, (short) 77);
        assertThat(queue.rawUsedIndex()).isEqualTo(1);
        assertThat(queue.rawUsedFlags()).isEqualTo(1);
        assertThat(queue.rawUsedId(0)).isEqualTo(7);
        assertThat(queue.rawUsedLength(0)).isEqualTo(8);
        assertThat(queue.rawAvailableEvent()).isEqualTo(77);
    }

    @Test
    void readableElementsComeFirst() {
        buffer.clear().writable(1, 1);
        assertThatThrownBy(() -> buffer.readable(1, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> queue(3, 0, false, 0)).hasMessageContaining("power of two");
    }
}
