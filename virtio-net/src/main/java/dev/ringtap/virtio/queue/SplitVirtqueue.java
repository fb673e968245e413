// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.VirtqueueException.Reason.ADDRESS_OVERFLOW;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.AVAIL_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.HEAD_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_NOT_NEGOTIATED;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_TABLE;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.INDIRECT_WITH_NEXT;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.IN_FLIGHT;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.LOOP;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.NESTED_INDIRECT;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.NEXT_INDEX;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.READABLE_AFTER_WRITABLE;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.TOO_LONG;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.TOO_MANY_PIECES;
import static dev.ringtap.virtio.queue.VirtqueueException.Reason.UNMAPPED;

import dev.ringtap.virtio.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * The device's side of a split virtqueue. VIRTIO 1.3, 2.7 Split Virtqueues; the layout is drawn in the package's
 * description. Where a comment cites only a number, it is a section of that version, inside Split Virtqueues.
 *
 * <p>Takes chains off the available ring, gives them back on the used ring, and decides whether the other side is to be
 * notified; how that is done is for the caller, and eventfds are unknown here. A burst is:
 *
 * <pre>{@code
 * queue.disableKicks();
 * do {
 *     while ((head = queue.pollHead()) != EMPTY) {
 *         queue.readChain(head, chain);
 *         ...
 *         queue.addUsed(head, writtenBytes);
 *     }
 *     queue.publishUsed();
 *     if (queue.driverWantsCall()) call();
 * } while (queue.enableKicks());
 * }</pre>
 *
 * <p>One thread owns a queue and calls every method. {@code pollHead}, {@code readChain}, {@code addUsed},
 * {@code publishUsed} and the notification methods allocate nothing unless they throw.
 *
 * <p>The driver is hostile: each field it can write is read once into a local, then checked, then used from the local. (A
 * Java local holds one value; the JIT does not read memory again for it.) Of its own state the device trusts none that the
 * guest can reach: the used index is read when the queue starts and only written from then on.
 *
 * <p>If the front-end truncates the file behind a mapping, the JVM throws {@link InternalError} from an access, or from what
 * follows it: the value "read" until then is arbitrary, and is checked like any value a guest wrote. It passes through every
 * method; the queue is to be given up then.
 */
public final class SplitVirtqueue {
    /** Returned instead of a head: no chain is available. */
    public static final int EMPTY = -1;

    /** The largest size with which 16-bit indexes tell a full ring from an empty one. VIRTIO 1.3, 2.7.13. */
    public static final int MAX_SIZE = 32_768;

    private static final VarHandle LE16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    // Nothing says how an indirect table is aligned.
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    // struct virtq_avail and struct virtq_used begin alike (2.7.6, 2.7.8).
    private static final long FLAGS = 0;
    private static final long IDX = 2;
    private static final long RING = 4;
    private static final int AVAIL_ENTRY_BYTES = 2;
    private static final int USED_ENTRY_BYTES = 8;
    private static final int USED_ENTRY_LEN = 4;

    /** VIRTQ_AVAIL_F_NO_INTERRUPT. */
    private static final int NO_INTERRUPT = 1;

    /** VIRTQ_USED_F_NO_NOTIFY. */
    private static final int NO_NOTIFY = 1;

    // struct virtq_desc (2.7.5): le64 addr; le32 len; le16 flags; le16 next. The last three are read as one le64.
    private static final int DESCRIPTOR_BYTES = 16;
    private static final long ADDR = 0;
    private static final long LEN_FLAGS_NEXT = 8;
    private static final int FLAGS_SHIFT = 32;
    private static final int NEXT_SHIFT = 48;
    private static final int DESC_F_NEXT = 1;
    private static final int DESC_F_WRITE = 2;
    private static final int DESC_F_INDIRECT = 4;

    private static final long MAX_CHAIN_BYTES = 1L << 32;

    /** So that the size of a piece is an int; a power of two keeps the next piece aligned as the first was. */
    private static final long MAX_PIECE_BYTES = 1L << 30;

    private static final int UNKNOWN = -1;

    private final GuestMemory memory;
    private final int size;
    private final int mask;
    private final MemorySegment descriptors;
    private final MemorySegment available;
    private final MemorySegment used;
    private final boolean eventIdx;
    private final boolean indirect;
    private final long usedEvent;
    private final long availEvent;

    /** For a descriptor of an indirect table that lies across two regions. */
    private final MemorySegment acrossRegions = MemorySegment.ofArray(new byte[DESCRIPTOR_BYTES]);

    // Counters run on; only their lower 16 bits are in the rings.
    private int nextAvail;
    private int seenAvail;
    private int nextUsed;
    private int publishedUsed;
    private int decidedUsed;
    private int inFlight;
    private boolean decided;
    private int writtenFlags = UNKNOWN;
    private int lastRegion = UNKNOWN;

    /**
     * A queue that goes on where its rings stand. Writes nothing to them.
     *
     * @param memory what descriptors' addresses refer to
     * @param size number of descriptors: a power of two from 1 to 32,768
     * @param descriptorTable at least {@code 16 * size} bytes, aligned to 16
     * @param availableRing at least {@code 4 + 2 * size} bytes, 2 more with EVENT_IDX; aligned to 2
     * @param usedRing at least {@code 4 + 8 * size} bytes, 2 more with EVENT_IDX; aligned to 4. Its {@code idx} is where
     *     the used index goes on, read here and never again
     * @param features those acknowledged by the driver; bits other than {@link RingFeature}'s are ignored
     * @param base the available index to go on from: 0 to 65,535, as in vhost-user's SET_VRING_BASE
     * @throws IllegalArgumentException if a size, an alignment or the base is not as said
     */
    public SplitVirtqueue(
            GuestMemory memory,
            int size,
            MemorySegment descriptorTable,
            MemorySegment availableRing,
            MemorySegment usedRing,
            long features,
            int base) {
        if (size < 1 || size > MAX_SIZE || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("queue size " + size + ": a power of two from 1 to " + MAX_SIZE);
        }
        if (base < 0 || base > 0xFFFF) {
            throw new IllegalArgumentException("available index " + base + ": 0 to 65535");
        }
        this.memory = Objects.requireNonNull(memory, "memory");
        this.size = size;
        mask = size - 1;
        eventIdx = (features & RingFeature.EVENT_IDX) != 0;
        indirect = (features & RingFeature.INDIRECT_DESC) != 0;
        int event = eventIdx ? 2 : 0;
        usedEvent = RING + (long) AVAIL_ENTRY_BYTES * size;
        availEvent = RING + (long) USED_ENTRY_BYTES * size;
        descriptors = part("descriptor table", descriptorTable, (long) DESCRIPTOR_BYTES * size, 16);
        available = part("available ring", availableRing, usedEvent + event, 2);
        used = part("used ring", usedRing, availEvent + event, 4);
        nextAvail = base;
        seenAvail = base;
        nextUsed = u16(used, IDX);
        publishedUsed = nextUsed;
        decidedUsed = nextUsed;
    }

    private static MemorySegment part(String name, MemorySegment segment, long sizeBytes, int alignment) {
        if (segment.byteSize() < sizeBytes) {
            throw new IllegalArgumentException(
                    name + " of " + segment.byteSize() + " bytes: " + sizeBytes + " are needed");
        }
        // Atomic accesses need it of the address here as well, which a mapping at an odd offset would not have.
        if (!segment.isNative() || segment.address() % alignment != 0) {
            throw new IllegalArgumentException(name + " at 0x" + Long.toHexString(segment.address())
                    + ": not mapped at a multiple of " + alignment);
        }
        return segment.asSlice(0, sizeBytes);
    }

    /** The number of descriptors. */
    public int size() {
        return size;
    }

    /** The available index of the chain that is polled next, 0 to 65,535: what GET_VRING_BASE returns. */
    public int nextAvailable() {
        return nextAvail & 0xFFFF;
    }

    /**
     * How many chains wait on the available ring: 0 to {@link #size()}.
     *
     * @throws VirtqueueException AVAIL_INDEX or IN_FLIGHT
     */
    public int availableCount() throws VirtqueueException {
        // Acquire: pairs with the driver's barrier between writing the ring's entries and idx, so that entries and
        // descriptors below this idx are read as they were when it was written (2.7.13.3 Updating idx).
        int pending = ((short) LE16.getAcquire(available, IDX) - nextAvail) & 0xFFFF;
        if (pending > size) {
            throw new VirtqueueException(AVAIL_INDEX, pending);
        }
        // Each chain occupies a descriptor until it was used, so a driver that keeps to the rules cannot get here;
        // without this, one that does not makes the device hold ever more chains (CVE-2016-5403).
        if (pending + inFlight > size) {
            throw new VirtqueueException(IN_FLIGHT, pending + inFlight);
        }
        seenAvail = nextAvail + pending;
        return pending;
    }

    /**
     * Takes the next chain the driver made available. It is in flight until {@link #addUsed} or {@link #unpoll}.
     *
     * @return the index of its first descriptor, 0 to {@code size - 1}, or {@link #EMPTY}
     * @throws VirtqueueException AVAIL_INDEX, IN_FLIGHT or HEAD_INDEX; nothing was taken
     */
    public int pollHead() throws VirtqueueException {
        // idx shares its cache line with what the driver writes: read again only once its last value is used up.
        if (seenAvail == nextAvail && availableCount() == 0) {
            return EMPTY;
        }
        int head = u16(available, RING + (long) AVAIL_ENTRY_BYTES * (nextAvail & mask));
        if (head >= size) {
            throw new VirtqueueException(HEAD_INDEX, head);
        }
        nextAvail++;
        inFlight++;
        return head;
    }

    /**
     * Puts back the chains polled last, which will be polled again in the same order.
     *
     * @param count how many; none of them may have been given to {@link #addUsed}
     * @throws IllegalArgumentException if fewer are in flight
     */
    public void unpoll(int count) {
        if (count < 0 || count > inFlight) {
            throw new IllegalArgumentException("cannot put back " + count + " chains: " + inFlight + " are in flight");
        }
        nextAvail -= count;
        inFlight -= count;
    }

    /**
     * Reads the buffers of a chain, following indirect tables.
     *
     * <p>Zero-length buffers are skipped whatever their address; a chain may have no bytes at all. The order of readable
     * and writable buffers is checked over all of them. The descriptors of a chain in the descriptor table are at most
     * {@link #size()}. Those of an indirect table may be more, which Linux's driver permits in spite of 2.7.5.3: up to the
     * chain's {@link DescriptorChain#maxPieces()}. Descriptors before an indirect one are followed as well (2.7.5.3.2).
     *
     * @param head as {@link #pollHead} returned it
     * @param into emptied first; left without pieces if this throws
     * @throws VirtqueueException any reason of a chain
     */
    public void readChain(int head, DescriptorChain into) throws VirtqueueException {
        Objects.checkIndex(head, size);
        into.restart(head);
        try {
            readDirect(head, into);
        } catch (Throwable e) {
            // Whatever it was, nobody shall use the addresses of half a chain.
            into.restart(head);
            throw e;
        }
    }

    private void readDirect(int head, DescriptorChain into) throws VirtqueueException {
        boolean writing = false;
        int index = head;
        for (int visited = 0; visited < size; visited++) {
            long at = (long) DESCRIPTOR_BYTES * index;
            long addr = descriptors.get(LE64, at + ADDR);
            long lenFlagsNext = descriptors.get(LE64, at + LEN_FLAGS_NEXT);
            int flags = flags(lenFlagsNext);
            if ((flags & DESC_F_INDIRECT) != 0) {
                if (!indirect) {
                    throw new VirtqueueException(INDIRECT_NOT_NEGOTIATED, head);
                }
                if ((flags & DESC_F_NEXT) != 0) {
                    throw new VirtqueueException(INDIRECT_WITH_NEXT, head);
                }
                // The write flag of this descriptor means nothing (2.7.5.3.2).
                readIndirect(addr, length(lenFlagsNext), writing, into);
                return;
            }
            writing = addBuffer(addr, lenFlagsNext, writing, into);
            if ((flags & DESC_F_NEXT) == 0) {
                return;
            }
            index = next(lenFlagsNext);
            if (index >= size) {
                throw new VirtqueueException(NEXT_INDEX, index);
            }
        }
        throw new VirtqueueException(LOOP, head);
    }

    private void readIndirect(long table, long tableBytes, boolean writingBefore, DescriptorChain into)
            throws VirtqueueException {
        if (tableBytes == 0 || tableBytes % DESCRIPTOR_BYTES != 0) {
            throw new VirtqueueException(INDIRECT_TABLE, tableBytes);
        }
        requireNoWrap(table, tableBytes);
        int region = memory.find(table, lastRegion);
        if (region < 0) {
            throw new VirtqueueException(UNMAPPED, table);
        }
        long offset = table - memory.guestAddress(region);
        boolean oneRegion = tableBytes <= memory.sizeBytes(region) - offset;
        if (!oneRegion && !memory.holds(table, tableBytes)) {
            throw new VirtqueueException(UNMAPPED, table);
        }
        MemorySegment segment = memory.segment(region);
        long entries = tableBytes / DESCRIPTOR_BYTES;
        // Without a limit a table of 2^28 descriptors of no bytes would hold this thread for seconds.
        int limit = (int) Math.min(entries, Math.max(size, into.maxPieces()));
        boolean writing = writingBefore;
        int index = 0;
        for (int visited = 0; visited < limit; visited++) {
            long at = (long) DESCRIPTOR_BYTES * index;
            long addr;
            long lenFlagsNext;
            if (oneRegion) {
                addr = segment.get(LE64, offset + at + ADDR);
                lenFlagsNext = segment.get(LE64, offset + at + LEN_FLAGS_NEXT);
            } else {
                gatherDescriptor(table + at);
                addr = acrossRegions.get(LE64, ADDR);
                lenFlagsNext = acrossRegions.get(LE64, LEN_FLAGS_NEXT);
            }
            int flags = flags(lenFlagsNext);
            if ((flags & DESC_F_INDIRECT) != 0) {
                throw new VirtqueueException(NESTED_INDIRECT, into.head());
            }
            writing = addBuffer(addr, lenFlagsNext, writing, into);
            if ((flags & DESC_F_NEXT) == 0) {
                return;
            }
            index = next(lenFlagsNext);
            if (index >= entries) {
                throw new VirtqueueException(NEXT_INDEX, index);
            }
        }
        if (limit < entries) {
            throw new VirtqueueException(TOO_MANY_PIECES, limit);
        }
        throw new VirtqueueException(LOOP, into.head());
    }

    /** Copies one descriptor of a table that was seen to be mapped, though in more than one region. */
    private void gatherDescriptor(long gpa) {
        for (int done = 0; done < DESCRIPTOR_BYTES; ) {
            int region = memory.find(gpa + done);
            long offset = gpa + done - memory.guestAddress(region);
            int bytes = (int) Math.min(DESCRIPTOR_BYTES - done, memory.sizeBytes(region) - offset);
            MemorySegment.copy(memory.segment(region), offset, acrossRegions, done, bytes);
            done += bytes;
        }
    }

    /** Adds the pieces of a buffer. Returns whether the chain has come to its device-writable part. */
    private boolean addBuffer(long addr, long lenFlagsNext, boolean writing, DescriptorChain into)
            throws VirtqueueException {
        boolean writable = (flags(lenFlagsNext) & DESC_F_WRITE) != 0;
        if (writing && !writable) {
            throw new VirtqueueException(READABLE_AFTER_WRITABLE, into.head());
        }
        long left = length(lenFlagsNext);
        if (left == 0) {
            return writable;
        }
        requireNoWrap(addr, left);
        long total = into.readableBytes() + into.writableBytes() + left;
        if (total > MAX_CHAIN_BYTES) {
            throw new VirtqueueException(TOO_LONG, total);
        }
        for (long at = addr; left > 0; ) {
            int region = memory.find(at, lastRegion);
            if (region < 0) {
                throw new VirtqueueException(UNMAPPED, at);
            }
            lastRegion = region;
            if (into.full()) {
                throw new VirtqueueException(TOO_MANY_PIECES, into.maxPieces());
            }
            long offset = at - memory.guestAddress(region);
            long bytes = Math.min(Math.min(left, memory.sizeBytes(region) - offset), MAX_PIECE_BYTES);
            into.add(memory.segment(region), offset, (int) bytes, writable);
            at += bytes;
            left -= bytes;
        }
        return writable;
    }

    private static void requireNoWrap(long gpa, long lengthBytes) throws VirtqueueException {
        if (Long.compareUnsigned(gpa + (lengthBytes - 1), gpa) < 0) {
            throw new VirtqueueException(ADDRESS_OVERFLOW, gpa);
        }
    }

    private static long length(long lenFlagsNext) {
        return lenFlagsNext & 0xFFFF_FFFFL;
    }

    private static int flags(long lenFlagsNext) {
        return (int) (lenFlagsNext >>> FLAGS_SHIFT) & 0xFFFF;
    }

    private static int next(long lenFlagsNext) {
        return (int) (lenFlagsNext >>> NEXT_SHIFT);
    }

    /**
     * Writes the next used ring entry. The driver sees it after {@link #publishUsed}.
     *
     * @param head of a chain in flight; chains may be used in any order
     * @param writtenBytes how many bytes were written from the first device-writable one on, as an unsigned number; 0 for
     *     a chain that was only read, or that was refused
     * @throws IndexOutOfBoundsException if {@code head} is no descriptor
     * @throws IllegalStateException if no chain is in flight
     */
    public void addUsed(int head, int writtenBytes) {
        Objects.checkIndex(head, size);
        if (inFlight == 0) {
            throw new IllegalStateException("no chain is in flight that " + head + " could be the head of");
        }
        long entry = RING + (long) USED_ENTRY_BYTES * (nextUsed & mask);
        used.set(LE32, entry, head);
        used.set(LE32, entry + USED_ENTRY_LEN, writtenBytes);
        nextUsed++;
        inFlight--;
    }

    /** Makes every entry added so far visible to the driver with one store. Does nothing if there is none. */
    public void publishUsed() {
        if (publishedUsed != nextUsed) {
            publishedUsed = nextUsed;
            // Release: pairs with the driver's barrier between reading idx and the entries below it, so that the driver
            // finds entries and buffers written (2.7.8.2: len before idx; 2.7.14 Receiving Used Buffers).
            LE16.setRelease(used, IDX, (short) publishedUsed);
        }
    }

    /**
     * Whether the driver asks to be notified of what was published since this was last asked. Ask after each
     * {@link #publishUsed}, or after several: all that was published since is taken into account.
     *
     * <p>With EVENT_IDX the first answer after something was published is yes, whatever the driver wrote: the device that
     * served these rings before may have published the entry that {@code used_event} waits for and ended before it
     * notified. VIRTIO 1.3, 2.7.7.2.
     */
    public boolean driverWantsCall() {
        // Counters that run on: 65,536 entries since the last decision are not taken for none.
        int fresh = publishedUsed - decidedUsed;
        if (fresh == 0) {
            return false;
        }
        decidedUsed = publishedUsed;
        // The store of idx must be visible before the driver's wish is read. Pairs with the driver's full barrier
        // between writing used_event or flags and reading idx again: either it sees our idx, or we see its wish
        // (2.7.7.2 Device Requirements: Used Buffer Notification Suppression; 2.7.14 Receiving Used Buffers From The
        // Device, the mb() of its example).
        VarHandle.fullFence();
        if (!eventIdx) {
            return (u16(available, FLAGS) & NO_INTERRUPT) == 0;
        }
        if (!decided) {
            decided = true;
            return true;
        }
        // The entry at index used_event is among the fresh ones if it lies fewer than those behind the newest.
        int behindNewest = (publishedUsed - 1 - u16(available, usedEvent)) & 0xFFFF;
        return behindNewest < fresh;
    }

    /**
     * Asks the driver to notify of chains from now on, and looks whether some came before it could know.
     *
     * @return true if chains are available, for which no notification may come: poll again
     */
    public boolean enableKicks() {
        if (eventIdx) {
            LE16.setOpaque(used, availEvent, (short) nextAvail);
        } else {
            writeFlags(0);
        }
        // The wish must be visible before idx is read again. Pairs with the driver's full barrier between writing idx
        // and reading avail_event or flags: either it sees our wish, or we see its idx
        // (2.7.10 Available Buffer Notification Suppression; 2.7.13.4 Notifying The Device).
        VarHandle.fullFence();
        // Acquire for the same reason as in availableCount(), which reads idx again and judges it.
        return (((short) LE16.getAcquire(available, IDX) - nextAvail) & 0xFFFF) != 0;
    }

    /**
     * Tells the driver that notifications are not needed. A hint: some may come.
     *
     * <p>With EVENT_IDX nothing is written. {@code avail_event} stays where {@link #enableKicks} put it, and once the driver
     * has gone past that index it does not notify until its index comes round to it again, 65,536 chains later
     * (2.7.10.2).
     */
    public void disableKicks() {
        if (!eventIdx) {
            writeFlags(NO_NOTIFY);
        }
    }

    /** The driver reads this line at every chain: written only when it changes. */
    private void writeFlags(int flags) {
        if (writtenFlags != flags) {
            writtenFlags = flags;
            LE16.setOpaque(used, FLAGS, (short) flags);
        }
    }

    private static int u16(MemorySegment segment, long offset) {
        return (short) LE16.getOpaque(segment, offset) & 0xFFFF;
    }

    @Override
    public String toString() {
        return "SplitVirtqueue[size=" + size + ", nextAvail=" + nextAvailable() + ", used=" + (publishedUsed & 0xFFFF)
                + ", unpublished=" + (nextUsed - publishedUsed) + ", inFlight=" + inFlight
                + (eventIdx ? ", EVENT_IDX" : "") + (indirect ? ", INDIRECT_DESC" : "") + "]";
    }
}
