// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.memory;

import dev.ringtap.linux.memory.MemFd;
import dev.ringtap.linux.memory.SharedMapping;
import dev.ringtap.linux.posix.NativeException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory of a guest: one memfd, mapped here once and shown to the back-end as one or several regions.
 *
 * <p>A place in it has four names, and a back-end that takes one for another must fail, so all four differ and none
 * starts at 0:
 *
 * <pre>
 *   offset       0 ............................ sizeBytes     index into {@link #segment()}
 *   gpa          4 GiB + offset                               without holes: a buffer may cross regions
 *   userAddress  per region, the last region lowest           rings only; a ring never crosses regions
 *   file offset  4096 + offset                                the table's mmap offset
 * </pre>
 *
 * <p>Allocation is from low to high and never freed; not thread-safe.
 */
public final class GuestRam implements AutoCloseable {
    /** Guest physical address of the first byte. */
    public static final long GUEST_BASE = 0x1_0000_0000L;

    /** Lowest user address. Not where this process maps it: to a back-end, user addresses are names only. */
    public static final long USER_BASE = 0x5A5A_0000_0000L;

    /** A mapping's granularity, and the size of the unused head of the file. */
    public static final int PAGE_BYTES = 4096;

    /** Most regions a memory table carries: one descriptor each in one message. vhost-user, Memory region description. */
    public static final int MAX_REGIONS = 8;

    /** Regions lie this far apart in user addresses, so that the end of one is not the start of another. */
    private static final long USER_GAP_BYTES = 0x1000_0000L;

    private final MemFd file;
    private final SharedMapping mapping;
    private final MemorySegment segment;
    private final long regionBytes;
    private final List<Region> regions;
    private long allocatedBytes;

    /**
     * One entry of the memory table.
     *
     * @param guestAddress gpa of its first byte
     * @param userAddress user address of its first byte
     * @param sizeBytes its size
     * @param mmapOffsetBytes where in the file it begins
     */
    public record Region(long guestAddress, long userAddress, long sizeBytes, long mmapOffsetBytes) {}

    private GuestRam(MemFd file, SharedMapping mapping, long regionBytes, int regionCount) {
        this.file = file;
        this.mapping = mapping;
        this.segment = mapping.segment();
        this.regionBytes = regionBytes;
        List<Region> table = new ArrayList<>();
        for (int i = 0; i < regionCount; i++) {
            long offset = i * regionBytes;
            table.add(new Region(GUEST_BASE + offset, userBase(i, regionCount), regionBytes, PAGE_BYTES + offset));
        }
        this.regions = List.copyOf(table);
    }

    private long userBase(int region, int regionCount) {
        return USER_BASE + (regionCount - 1 - region) * (regionBytes + USER_GAP_BYTES);
    }

    /**
     * Fresh memory, all zero.
     *
     * @param sizeBytes at least this much; rounded up to whole pages in every region
     * @param regionCount 1 to {@link #MAX_REGIONS}
     */
    public static GuestRam create(long sizeBytes, int regionCount) throws NativeException {
        if (sizeBytes <= 0 || regionCount < 1 || regionCount > MAX_REGIONS) {
            throw new IllegalArgumentException("guest memory of %d bytes in %d regions: needs a positive size, 1 to %d"
                    .formatted(sizeBytes, regionCount, MAX_REGIONS));
        }
        long pages = Math.ceilDiv(sizeBytes, (long) PAGE_BYTES);
        long regionBytes = Math.ceilDiv(pages, (long) regionCount) * PAGE_BYTES;
        long totalBytes = regionBytes * regionCount;
        MemFd file = MemFd.create("ringtap-guest", PAGE_BYTES + totalBytes);
        try {
            SharedMapping mapping = SharedMapping.map(file.fd().number(), PAGE_BYTES, totalBytes);
            return new GuestRam(file, mapping, regionBytes, regionCount);
        } catch (NativeException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** The memory table's entries, lowest gpa first. */
    public List<Region> regions() {
        return regions;
    }

    /** Descriptor of the file behind all regions. Stays owned here. */
    public int fd() {
        return file.fd().number();
    }

    /** All of it, indexed by offset. */
    public MemorySegment segment() {
        return segment;
    }

    public long sizeBytes() {
        return segment.byteSize();
    }

    public long guestAddress(long offset) {
        return GUEST_BASE + checked(offset);
    }

    public long userAddress(long offset) {
        int region = (int) (checked(offset) / regionBytes);
        return regions.get(region).userAddress() + offset % regionBytes;
    }

    private long checked(long offset) {
        if (offset < 0 || offset >= sizeBytes()) {
            throw new IllegalArgumentException(
                    "offset " + offset + " outside guest memory of " + sizeBytes() + " bytes");
        }
        return offset;
    }

    /**
     * Takes memory that may lie across regions: for buffers.
     *
     * @param alignment a power of two
     * @return its offset
     * @throws IllegalStateException if none is left
     */
    public long allocate(long lengthBytes, int alignment) {
        long offset = align(allocatedBytes, alignment);
        if (offset + lengthBytes > sizeBytes()) {
            throw new IllegalStateException("guest memory of %d bytes is used up: %d more asked for, %d left"
                    .formatted(sizeBytes(), lengthBytes, Math.max(0, sizeBytes() - offset)));
        }
        allocatedBytes = offset + lengthBytes;
        return offset;
    }

    /** As {@link #allocate}, wholly inside one region: for rings, whose user addresses must be contiguous. */
    public long allocateInOneRegion(long lengthBytes, int alignment) {
        long offset = align(allocatedBytes, alignment);
        if (offset / regionBytes != (offset + lengthBytes - 1) / regionBytes) {
            allocatedBytes = align((offset / regionBytes + 1) * regionBytes, alignment);
            if (lengthBytes > regionBytes) {
                throw new IllegalStateException(
                        "%d bytes do not fit into a region of %d".formatted(lengthBytes, regionBytes));
            }
        }
        return allocate(lengthBytes, alignment);
    }

    private static long align(long offset, int alignment) {
        return offset + alignment - 1 & -alignment;
    }

    /** Unmaps and closes. Everything that was handed out is gone. May take milliseconds. */
    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
