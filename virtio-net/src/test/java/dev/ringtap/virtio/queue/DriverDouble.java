// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import dev.ringtap.virtio.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The driver's side of a split virtqueue for tests, byte by byte after VIRTIO 1.3, 2.7. It shares no offset, no flag and no
 * formula with the device's side, so that a mistake made there is not made here as well.
 *
 * <p>Its rings stand in memory of their own. One region of data is at guest address {@value #DATA}; others can be added
 * before the device's side is made.
 */
final class DriverDouble implements AutoCloseable {
    static final long DATA = 0x10000;
    static final int DATA_BYTES = 0x10000;

    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    static final long F_INDIRECT_DESC = 0x1000_0000L;
    static final long F_EVENT_IDX = 0x2000_0000L;

    /** What fresh memory holds, so that a byte nobody wrote is seen. */
    static final byte FILL = (byte) 0xa5;

    private final Arena arena = Arena.ofShared();
    private final List<GuestMemory.Region> regions = new ArrayList<>();
    private final int size;
    private final MemorySegment table;
    private final MemorySegment availSegment;
    private final MemorySegment usedSegment;
    private final ByteBuffer desc;
    private final ByteBuffer avail;
    private final ByteBuffer used;
    private final int start;
    private long features;
    private int availIdx;

    private DriverDouble(int start, int size, long features) {
        this.start = start;
        this.size = size;
        this.features = features;
        availIdx = start;
        table = arena.allocate(16L * size, 16);
        availSegment = arena.allocate(2 + 2 + 2L * size + 2, 2);
        usedSegment = arena.allocate(2 + 2 + 8L * size + 2, 4);
        table.fill(FILL);
        desc = littleEndian(table);
        avail = littleEndian(availSegment);
        used = littleEndian(usedSegment);
        avail.putShort(2, (short) start);
        used.putShort(2, (short) start);
        region(DATA, DATA_BYTES).fill(FILL);
    }

    static DriverDouble startingAt(int start, int size) {
        return new DriverDouble(start, size, F_INDIRECT_DESC);
    }

    static DriverDouble startingAt(int start, int size, long features) {
        return new DriverDouble(start, size, features);
    }

    private static ByteBuffer littleEndian(MemorySegment segment) {
        return segment.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Adds a region of memory; its user address is its guest address plus 2^40. */
    MemorySegment region(long guestAddress, long sizeBytes) {
        MemorySegment segment = arena.allocate(sizeBytes, 4096);
        regions.add(new GuestMemory.Region(guestAddress, guestAddress + (1L << 40), segment));
        return segment;
    }

    /** Memory that is reserved and not touched, however large. */
    void largeRegion(long guestAddress, long sizeBytes) throws IOException {
        Path file = Files.createTempFile("ringtap-guest-memory", null);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
            regions.add(new GuestMemory.Region(
                    guestAddress,
                    guestAddress + (1L << 40),
                    channel.map(FileChannel.MapMode.READ_WRITE, 0, sizeBytes, arena)));
        }
    }

    GuestMemory memory() {
        return GuestMemory.of(regions);
    }

    SplitVirtqueue deviceSide() {
        return deviceSide(start);
    }

    SplitVirtqueue deviceSide(int base) {
        return new SplitVirtqueue(memory(), size, table, availSegment, usedSegment, features, base);
    }

    MemorySegment table() {
        return table;
    }

    MemorySegment availSegment() {
        return availSegment;
    }

    MemorySegment usedSegment() {
        return usedSegment;
    }

    ByteBuffer data(int region) {
        return littleEndian(regions.get(region).segment());
    }

    int regionCount() {
        return regions.size();
    }

    /** Where a region is in this process. */
    long regionAddress(int region) {
        return regions.get(region).segment().address();
    }

    void descriptor(int index, long addr, long len, int flags, int next) {
        write(desc, 16 * index, addr, len, flags, next);
    }

    /** Writes a descriptor into the data region, as an entry of an indirect table there. */
    void indirect(long tableAddress, int index, long addr, long len, int flags, int next) {
        write(data(0), (int) (tableAddress - DATA) + 16 * index, addr, len, flags, next);
    }

    static void write(ByteBuffer into, int at, long addr, long len, int flags, int next) {
        into.putLong(at, addr);
        into.putInt(at + 8, (int) len);
        into.putShort(at + 12, (short) flags);
        into.putShort(at + 14, (short) next);
    }

    /** Puts heads into the available ring. The device sees them after {@link #publish()}. */
    DriverDouble makeAvailable(int... heads) {
        for (int head : heads) {
            avail.putShort(4 + 2 * (availIdx % size), (short) head);
            availIdx = (availIdx + 1) % 65_536;
        }
        return this;
    }

    void publish() {
        publishIdx(availIdx);
    }

    void publishIdx(int idx) {
        VarHandle.releaseFence();
        avail.putShort(2, (short) idx);
    }

    /** A read-only chain of one descriptor for each head, published. */
    void offer(int... heads) {
        for (int head : heads) {
            descriptor(head, DATA + 64L * head, 64, 0, 0);
        }
        makeAvailable(heads).publish();
    }

    void availFlags(int flags) {
        avail.putShort(0, (short) flags);
    }

    void usedEvent(int index) {
        avail.putShort(4 + 2 * size, (short) index);
    }

    int usedFlags() {
        return Short.toUnsignedInt(used.getShort(0));
    }

    int usedIdx() {
        int idx = Short.toUnsignedInt(used.getShort(2));
        VarHandle.acquireFence();
        return idx;
    }

    void usedIdx(int idx) {
        used.putShort(2, (short) idx);
    }

    int usedId(int index) {
        return used.getInt(4 + 8 * (index % size));
    }

    int usedLen(int index) {
        return used.getInt(4 + 8 * (index % size) + 4);
    }

    int availEvent() {
        return Short.toUnsignedInt(used.getShort(4 + 8 * size));
    }

    /** Every byte of the used ring, for comparison. */
    byte[] usedRing() {
        byte[] bytes = new byte[used.capacity()];
        used.get(0, bytes);
        return bytes;
    }

    byte[] everythingTheDeviceMustNotWrite() {
        byte[] bytes = new byte[desc.capacity() + avail.capacity()];
        desc.get(0, bytes, 0, desc.capacity());
        avail.get(0, bytes, desc.capacity(), avail.capacity());
        return bytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
