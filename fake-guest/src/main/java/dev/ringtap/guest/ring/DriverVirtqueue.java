// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.ring;

import dev.ringtap.guest.memory.GuestRam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The driver's side of a split virtqueue. VIRTIO 1.3, 2.7 Split Virtqueues. Knows nothing of eventfds.
 *
 * <pre>
 *   descriptor table   size * { le64 addr; le32 len; le16 flags; le16 next }            driver writes
 *   available ring     le16 flags; le16 idx; le16 ring[size]; le16 used_event           driver writes
 *   used ring          le16 flags; le16 idx; { le32 id; le32 len } [size]; le16 avail_event   device writes
 * </pre>
 *
 * <p>Which descriptors are free, and what each chain may be used for, is kept in arrays of its own: nothing the device
 * writes is believed unless it agrees with them.
 *
 * <p>Ordinary use: {@link #add}, {@link #publish}, {@link #pollUsed}. The {@code raw} methods write any ring byte, for
 * tests that break a device; after one of those only {@code raw} methods make sense on this queue. One owner thread.
 */
public final class DriverVirtqueue {
    /** {@link #add}: no room; {@link #pollUsed}: nothing used. */
    public static final int NONE = -1;

    /** VIRTQ_DESC_F_NEXT. */
    public static final int DESC_NEXT = 1;
    /** VIRTQ_DESC_F_WRITE. */
    public static final int DESC_WRITE = 2;
    /** VIRTQ_DESC_F_INDIRECT. */
    public static final int DESC_INDIRECT = 4;

    /** VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_USED_F_NO_NOTIFY. */
    public static final int NO_NOTIFICATION = 1;

    public static final int MAX_SIZE = 32768;
    public static final int DESCRIPTOR_BYTES = 16;

    private static final int DESC_LEN = 8;
    private static final int DESC_FLAGS = 12;
    private static final int DESC_NEXT_FIELD = 14;
    private static final int RING_FLAGS = 0;
    private static final int RING_IDX = 2;
    private static final int RING_ENTRIES = 4;
    private static final int USED_ENTRY_BYTES = 8;

    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U16 = LE16.varHandle();

    private final GuestRam ram;
    private final MemorySegment memory;
    private final int size;
    private final boolean eventIndex;
    private final int indirectEntries;

    /** Offsets into guest memory. */
    private final long descriptors;

    private final long available;
    private final long used;
    private final long indirectTables;

    /** Stack of free descriptors. */
    private final int[] free;

    private int freeCount;

    /** By head: how many descriptors of the main table its chain takes, 0 if it is not outstanding. */
    private final int[] chainLength;

    /** By head: what the device may write into the chain. */
    private final long[] writableBytes;

    /** By descriptor: the next one of its chain; what the table says is not asked again. */
    private final int[] next;

    /** Free-running; only the low 16 bits go into rings. */
    private int availableIndex;

    private int publishedIndex;
    private int usedIndex;
    private int lastUsedLength;

    /**
     * A queue without buffers. Its rings lie in one region each, as their user addresses must.
     *
     * @param size entries, a power of two up to {@link #MAX_SIZE}
     * @param base where both ring indexes start, 16 bits; to be told to the device
     * @param eventIndex EVENT_IDX was negotiated
     * @param indirectEntries entries of the indirect table that each head gets; 0: INDIRECT_DESC was not negotiated
     */
    public DriverVirtqueue(GuestRam ram, int size, int base, boolean eventIndex, int indirectEntries) {
        if (size < 1 || size > MAX_SIZE || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("virtqueue size " + size + ": must be a power of two up to " + MAX_SIZE);
        }
        this.ram = ram;
        this.memory = ram.segment();
        this.size = size;
        this.eventIndex = eventIndex;
        this.indirectEntries = indirectEntries;
        descriptors = ram.allocateInOneRegion((long) DESCRIPTOR_BYTES * size, 16);
        available = ram.allocateInOneRegion(RING_ENTRIES + 2L * size + 2, 2);
        used = ram.allocateInOneRegion(RING_ENTRIES + (long) USED_ENTRY_BYTES * size + 2, 4);
        indirectTables = indirectEntries == 0
                ? -1
                : ram.allocate((long) DESCRIPTOR_BYTES * indirectEntries * size, DESCRIPTOR_BYTES);
        free = new int[size];
        chainLength = new int[size];
        writableBytes = new long[size];
        next = new int[size];
        for (int i = 0; i < size; i++) {
            free[i] = size - 1 - i;
        }
        freeCount = size;
        availableIndex = publishedIndex = usedIndex = base & 0xFFFF;
        // Both sides begin here, so the field the device writes begins here too (used idx of a resumed ring).
        put16(available + RING_IDX, base);
        put16(used + RING_IDX, base);
        put16(usedEvent(), base);
    }

    /** Bytes of guest memory that a queue of these dimensions takes, alignment included. */
    public static long memoryBytes(int size, int indirectEntries) {
        long rings = (DESCRIPTOR_BYTES + 2L + USED_ENTRY_BYTES) * size + 12;
        return rings + (long) DESCRIPTOR_BYTES * indirectEntries * size + 64;
    }

    public int size() {
        return size;
    }

    /** User address of the descriptor table, as SET_VRING_ADDR wants it. */
    public long descriptorUserAddress() {
        return ram.userAddress(descriptors);
    }

    public long availableUserAddress() {
        return ram.userAddress(available);
    }

    public long usedUserAddress() {
        return ram.userAddress(used);
    }

    // ---- Supplying buffers: VIRTIO 1.3, 2.7.13 Supplying Buffers to The Device

    /** Whether {@link #add} would take a chain of this many elements. */
    public boolean hasRoomFor(int elements) {
        return freeCount >= (indirect(elements) ? 1 : elements);
    }

    private boolean indirect(int elements) {
        return elements > 1 && elements <= indirectEntries;
    }

    /**
     * Makes a buffer into a chain and puts it into the available ring; the device sees it at the next {@link #publish}.
     * Several elements go through an indirect table where those were negotiated and it is long enough.
     *
     * @return the chain's head, in {@code [0, size)}, by which {@link #pollUsed} will name it; {@link #NONE} if the ring
     *     has too few free descriptors
     */
    public int add(BufferList buffer) {
        int count = buffer.count();
        if (count == 0) {
            throw new IllegalArgumentException("a descriptor chain needs an element");
        }
        if (!hasRoomFor(count)) {
            return NONE;
        }
        int head = free[freeCount - 1];
        if (indirect(count)) {
            freeCount--;
            long table = indirectTables + (long) DESCRIPTOR_BYTES * indirectEntries * head;
            for (int i = 0; i < count; i++) {
                boolean last = i == count - 1;
                writeDescriptor(
                        table, i, buffer.guestAddress(i), buffer.length(i), flags(buffer, i, last), last ? 0 : i + 1);
            }
            int tableBytes = DESCRIPTOR_BYTES * count;
            writeDescriptor(descriptors, head, ram.guestAddress(table), tableBytes, DESC_INDIRECT, 0);
            chainLength[head] = 1;
        } else {
            for (int i = 0; i < count; i++) {
                int descriptor = free[--freeCount];
                boolean last = i == count - 1;
                next[descriptor] = last ? NONE : free[freeCount - 1];
                writeDescriptor(
                        descriptors,
                        descriptor,
                        buffer.guestAddress(i),
                        buffer.length(i),
                        flags(buffer, i, last),
                        last ? 0 : next[descriptor]);
            }
            chainLength[head] = count;
        }
        writableBytes[head] = buffer.writableBytes();
        put16(available + RING_ENTRIES + 2L * (availableIndex & size - 1), head);
        availableIndex++;
        return head;
    }

    private static int flags(BufferList buffer, int element, boolean last) {
        return (last ? 0 : DESC_NEXT) | (element < buffer.readableCount() ? 0 : DESC_WRITE);
    }

    /**
     * Shows the device all that was added.
     *
     * @return whether it wants a kick for it
     */
    public boolean publish() {
        int before = publishedIndex;
        if (before == availableIndex) {
            return false;
        }
        // Release: table, ring entries and buffers are visible before idx. Pairs with the device's acquiring read of
        // idx (VIRTIO 1.3, 2.7.13.3 Updating idx).
        U16.setRelease(memory, available + RING_IDX, (short) availableIndex);
        publishedIndex = availableIndex;
        // idx must be out before the device's wish is read, or both sides may sleep: it may have raised the wish and
        // looked at idx in between (2.7.13.4 Notifying The Device).
        VarHandle.fullFence();
        if (!eventIndex) {
            return (get16(used + RING_FLAGS) & NO_NOTIFICATION) == 0;
        }
        // 2.7.10: notify if the entry at index avail_event is among those just published.
        int sinceEvent = publishedIndex - get16(availableEvent()) - 1 & 0xFFFF;
        return sinceEvent < (publishedIndex - before & 0xFFFF);
    }

    /** Chains that were added and not yet used. */
    public int outstanding() {
        return availableIndex - usedIndex & 0xFFFF;
    }

    public int freeDescriptors() {
        return freeCount;
    }

    /** Next index of the available ring, 16 bits: what GET_VRING_BASE says if the device took all. */
    public int nextAvailable() {
        return availableIndex & 0xFFFF;
    }

    // ---- Taking used buffers back: VIRTIO 1.3, 2.7.14 Receiving Used Buffers From The Device

    /**
     * Takes the next used buffer; its descriptors are free again.
     *
     * @return its head, or {@link #NONE}
     * @throws DeviceFaultException if the used ring names more chains than are outstanding, a chain that is not, or a
     *     length beyond what is writable
     */
    public int pollUsed() throws DeviceFaultException {
        int pending = usedPending();
        if (pending == 0) {
            return NONE;
        }
        int outstanding = publishedIndex - usedIndex & 0xFFFF;
        if (pending > outstanding) {
            throw new DeviceFaultException(
                    "used idx is %d ahead, but only %d chains are with the device".formatted(pending, outstanding));
        }
        long entry = used + RING_ENTRIES + (long) USED_ENTRY_BYTES * (usedIndex & size - 1);
        int id = memory.get(LE32, entry);
        int lengthBytes = memory.get(LE32, entry + 4);
        if (id < 0 || id >= size || chainLength[id] == 0) {
            throw new DeviceFaultException("used entry %d names chain %s, which is not with the device"
                    .formatted(usedIndex & 0xFFFF, Integer.toUnsignedString(id)));
        }
        if (Integer.toUnsignedLong(lengthBytes) > writableBytes[id]) {
            throw new DeviceFaultException("used entry %d: %s bytes written into a chain of %d writable ones"
                    .formatted(usedIndex & 0xFFFF, Integer.toUnsignedString(lengthBytes), writableBytes[id]));
        }
        usedIndex++;
        lastUsedLength = lengthBytes;
        release(id);
        return id;
    }

    /** Used buffers that {@link #pollUsed} has not taken, as the ring says, unchecked. */
    public int usedPending() {
        // Acquire: pairs with the device's release of idx after the entries and the buffers.
        return (short) U16.getAcquire(memory, used + RING_IDX) - usedIndex & 0xFFFF;
    }

    /** Bytes the device says it wrote into the chain that {@link #pollUsed} returned last. */
    public int lastUsedLength() {
        return lastUsedLength;
    }

    private void release(int head) {
        int length = chainLength[head];
        chainLength[head] = 0;
        int descriptor = head;
        for (int i = 0; i < length; i++) {
            free[freeCount++] = descriptor;
            descriptor = next[descriptor];
        }
    }

    /** Asks for no calls. Those that come nevertheless are to be borne (VIRTIO 1.3, 2.7.7.1). */
    public void disableCalls() {
        if (eventIndex) {
            // The index just behind: 65,535 buffers from now.
            put16(usedEvent(), usedIndex - 1);
        } else {
            put16(available + RING_FLAGS, NO_NOTIFICATION);
        }
    }

    /**
     * Asks for a call at the next used buffer.
     *
     * @return true if buffers were used meanwhile: for those there may be no call, so poll again
     */
    public boolean enableCalls() {
        if (eventIndex) {
            put16(usedEvent(), usedIndex);
        } else {
            put16(available + RING_FLAGS, 0);
        }
        // The wish must be out before idx is read: the mirror of publish() (VIRTIO 1.3, 2.7.14).
        VarHandle.fullFence();
        return usedPending() != 0;
    }

    // ---- Any byte: for tests that break a device

    /** Writes an entry of the descriptor table. Nothing is checked. */
    public void rawDescriptor(int index, long guestAddress, int lengthBytes, int flags, int nextIndex) {
        writeDescriptor(descriptors, index, guestAddress, lengthBytes, flags, nextIndex);
    }

    /** Writes an entry of a descriptor table at any place of guest memory, given by offset. */
    public void rawIndirectDescriptor(
            long tableOffset, int index, long guestAddress, int lengthBytes, int flags, int nextIndex) {
        writeDescriptor(tableOffset, index, guestAddress, lengthBytes, flags, nextIndex);
    }

    /** Writes {@code ring[slot]} of the available ring. */
    public void rawAvailableEntry(int slot, int head) {
        put16(available + RING_ENTRIES + 2L * slot, head);
    }

    /** Writes idx of the available ring, after everything before. */
    public void rawAvailableIndex(int index) {
        U16.setRelease(memory, available + RING_IDX, (short) index);
    }

    public void rawAvailableFlags(int flags) {
        put16(available + RING_FLAGS, flags);
    }

    public void rawUsedEvent(int index) {
        put16(usedEvent(), index);
    }

    /** idx of the available ring as it stands in memory, 16 bits. */
    public int rawAvailableIndex() {
        return get16(available + RING_IDX);
    }

    /** idx of the used ring, 16 bits. */
    public int rawUsedIndex() {
        return (short) U16.getAcquire(memory, used + RING_IDX) & 0xFFFF;
    }

    /** flags of the used ring, 16 bits. */
    public int rawUsedFlags() {
        return get16(used + RING_FLAGS);
    }

    /** avail_event of the used ring, 16 bits. */
    public int rawAvailableEvent() {
        return get16(availableEvent());
    }

    /** id of {@code ring[slot]} of the used ring. */
    public int rawUsedId(int slot) {
        return memory.get(LE32, used + RING_ENTRIES + (long) USED_ENTRY_BYTES * slot);
    }

    /** len of {@code ring[slot]} of the used ring. */
    public int rawUsedLength(int slot) {
        return memory.get(LE32, used + RING_ENTRIES + (long) USED_ENTRY_BYTES * slot + 4);
    }

    private void writeDescriptor(long table, int index, long guestAddress, int lengthBytes, int flags, int nextIndex) {
        long entry = table + (long) DESCRIPTOR_BYTES * index;
        memory.set(LE64, entry, guestAddress);
        memory.set(LE32, entry + DESC_LEN, lengthBytes);
        put16(entry + DESC_FLAGS, flags);
        put16(entry + DESC_NEXT_FIELD, nextIndex);
    }

    private long usedEvent() {
        return available + RING_ENTRIES + 2L * size;
    }

    private long availableEvent() {
        return used + RING_ENTRIES + (long) USED_ENTRY_BYTES * size;
    }

    private int get16(long offset) {
        return memory.get(LE16, offset) & 0xFFFF;
    }

    private void put16(long offset, int value) {
        memory.set(LE16, offset, (short) value);
    }

    @Override
    public String toString() {
        return "DriverVirtqueue[size=%d, added=%d, published=%d, used=%d (device at %d), free=%d]"
                .formatted(
                        size,
                        availableIndex & 0xFFFF,
                        publishedIndex & 0xFFFF,
                        usedIndex & 0xFFFF,
                        rawUsedIndex(),
                        freeCount);
    }
}
