// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.memory;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;

/**
 * The memory a front-end shares: regions that are known under a guest address, under an address in the front-end's own
 * process, and as a mapping here.
 *
 * <p>Immutable and safe for any thread; a new memory table is a new object. The mappings belong to the caller, who keeps
 * them alive for as long as a virtqueue uses this object.
 *
 * <p>Guest addresses and user addresses are two spaces that never mix: descriptors hold guest addresses, and the ring
 * addresses of a vhost-user message are user addresses (vhost-user protocol, "Vring address description"). All addresses
 * are unsigned 64-bit numbers.
 *
 * <p>The bytes are shared with another process that may be hostile. It may rewrite them at any moment, and it may truncate
 * the file behind a mapping, after which an access throws {@link InternalError}; that passes through every method here and
 * in {@code dev.ringtap.virtio.queue} untouched.
 */
public final class GuestMemory {
    private final Region[] byGuestAddress;
    // Copies of the fields that translation reads, sorted by unsigned guest address.
    private final long[] guestAddress;
    private final long[] sizeBytes;
    private final MemorySegment[] segment;

    /**
     * One region of the memory table.
     *
     * @param guestAddress where the guest sees the first byte
     * @param userAddress where the front-end's process sees the first byte
     * @param segment the bytes, as mapped here: native, writable, not empty
     */
    public record Region(long guestAddress, long userAddress, MemorySegment segment) {
        /**
         * @throws IllegalArgumentException if the segment is on the heap, read-only or empty, or if the region goes
         *     beyond the last address of either address space
         */
        public Region {
            Objects.requireNonNull(segment, "segment");
            // An address inside a heap array would be given to the kernel as if it were memory of its own.
            if (!segment.isNative() || segment.isReadOnly()) {
                throw new IllegalArgumentException("the region at guest address 0x" + Long.toHexString(guestAddress)
                        + " is not a writable mapping");
            }
            if (segment.byteSize() == 0) {
                throw new IllegalArgumentException(
                        "the region at guest address 0x" + Long.toHexString(guestAddress) + " is empty");
            }
            requireNoWrap("guest", guestAddress, segment.byteSize());
            requireNoWrap("user", userAddress, segment.byteSize());
        }

        private static void requireNoWrap(String kind, long address, long sizeBytes) {
            if (Long.compareUnsigned(address + (sizeBytes - 1), address) < 0) {
                throw new IllegalArgumentException("the region of " + sizeBytes + " bytes at " + kind + " address 0x"
                        + Long.toHexString(address) + " goes beyond the last address");
            }
        }
    }

    private GuestMemory(Region[] byGuestAddress) {
        this.byGuestAddress = byGuestAddress;
        guestAddress =
                Arrays.stream(byGuestAddress).mapToLong(Region::guestAddress).toArray();
        segment = Arrays.stream(byGuestAddress).map(Region::segment).toArray(MemorySegment[]::new);
        sizeBytes = Arrays.stream(segment).mapToLong(MemorySegment::byteSize).toArray();
    }

    /**
     * The memory made of these regions, given in any order.
     *
     * @throws IllegalArgumentException if two regions share a guest address or a user address
     */
    public static GuestMemory of(List<Region> regions) {
        requireDisjoint("user", regions, Region::userAddress);
        return new GuestMemory(requireDisjoint("guest", regions, Region::guestAddress));
    }

    private static Region[] requireDisjoint(String kind, List<Region> regions, ToLongFunction<Region> address) {
        List<Region> sorted = new ArrayList<>(regions);
        sorted.sort(Comparator.comparing(address::applyAsLong, Long::compareUnsigned));
        for (int i = 1; i < sorted.size(); i++) {
            long first = address.applyAsLong(sorted.get(i - 1));
            long second = address.applyAsLong(sorted.get(i));
            // The difference is below 2^64 as an unsigned number, since they are sorted.
            if (Long.compareUnsigned(second - first, sorted.get(i - 1).segment().byteSize()) < 0) {
                throw new IllegalArgumentException("the regions at " + kind + " addresses 0x" + Long.toHexString(first)
                        + " and 0x" + Long.toHexString(second) + " overlap");
            }
        }
        return sorted.toArray(Region[]::new);
    }

    /** How many regions there are; they are numbered from 0 in the order of their guest addresses. */
    public int regions() {
        return segment.length;
    }

    /** The bytes of a region. */
    public MemorySegment segment(int region) {
        return segment[region];
    }

    /** The guest address of a region's first byte. */
    public long guestAddress(int region) {
        return guestAddress[region];
    }

    /** The size of a region. */
    public long sizeBytes(int region) {
        return sizeBytes[region];
    }

    /** The region that holds a guest address, or -1. */
    public int find(long gpa) {
        int low = 0;
        int high = guestAddress.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (holds(middle, gpa)) {
                return middle;
            }
            if (Long.compareUnsigned(gpa, guestAddress[middle]) < 0) {
                high = middle - 1;
            } else {
                low = middle + 1;
            }
        }
        return -1;
    }

    /**
     * As {@link #find(long)}, trying one region first. A guest's buffers mostly lie in one region, so the caller passes
     * the one found last; the caller keeps it because this object is shared between threads.
     *
     * @param first any number; ignored if there is no such region
     */
    public int find(long gpa, int first) {
        return first >= 0 && first < segment.length && holds(first, gpa) ? first : find(gpa);
    }

    /**
     * Whether every byte of a range is in some region. Adjacent regions count as joined.
     *
     * @param lengthBytes at least 0
     */
    public boolean holds(long gpa, long lengthBytes) {
        if (lengthBytes > 0 && Long.compareUnsigned(gpa + (lengthBytes - 1), gpa) < 0) {
            return false;
        }
        long at = gpa;
        long left = lengthBytes;
        while (left > 0) {
            int region = find(at);
            if (region < 0) {
                return false;
            }
            long here = sizeBytes[region] - (at - guestAddress[region]);
            at += here;
            left -= here;
        }
        return left <= 0;
    }

    /** No overflow: a region does not wrap, so addresses outside it give a difference that is negative or too large. */
    private boolean holds(int region, long gpa) {
        long offset = gpa - guestAddress[region];
        return offset >= 0 && offset < sizeBytes[region];
    }

    /**
     * A range of guest addresses that lies within one region.
     *
     * @param lengthBytes at least 0
     * @throws GuestMemoryException if some byte is in no region, or the range crosses from one region to the next
     */
    public MemorySegment slice(long gpa, long lengthBytes) throws GuestMemoryException {
        int region = find(gpa);
        if (region < 0) {
            throw new GuestMemoryException("guest", gpa, lengthBytes);
        }
        return slice(region, "guest", gpa, gpa - guestAddress[region], lengthBytes);
    }

    /**
     * A range of the front-end's own addresses that lies within one region. Not for the packet path: searches the table.
     *
     * @param lengthBytes at least 0
     * @throws GuestMemoryException if some byte is in no region, or the range crosses from one region to the next
     */
    public MemorySegment sliceUser(long userAddress, long lengthBytes) throws GuestMemoryException {
        for (int i = 0; i < byGuestAddress.length; i++) {
            long offset = userAddress - byGuestAddress[i].userAddress();
            if (offset >= 0 && offset < sizeBytes[i]) {
                return slice(i, "user", userAddress, offset, lengthBytes);
            }
        }
        throw new GuestMemoryException("user", userAddress, lengthBytes);
    }

    private MemorySegment slice(int region, String kind, long address, long offset, long lengthBytes)
            throws GuestMemoryException {
        if (lengthBytes < 0) {
            throw new IllegalArgumentException("a range of " + lengthBytes + " bytes");
        }
        if (lengthBytes > sizeBytes[region] - offset) {
            throw new GuestMemoryException(kind, address, lengthBytes);
        }
        return segment[region].asSlice(offset, lengthBytes);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("GuestMemory[");
        for (int i = 0; i < segment.length; i++) {
            text.append(i == 0 ? "" : ", ")
                    .append("0x")
                    .append(Long.toHexString(guestAddress[i]))
                    .append('+')
                    .append(sizeBytes[i]);
        }
        return text.append(']').toString();
    }
}
