// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import dev.ringtap.linux.memory.SharedMapping;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.virtio.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** The memory of one SET_MEM_TABLE: its mappings and the view that rings use. */
final class MemoryTable implements AutoCloseable {
    private final List<SharedMapping> mappings;
    private final GuestMemory memory;

    private MemoryTable(List<SharedMapping> mappings, GuestMemory memory) {
        this.mappings = mappings;
        this.memory = memory;
    }

    /**
     * Maps a table. The descriptors may be closed afterwards.
     *
     * <pre>
     *   | u32 regions | u32 padding | regions × { u64 guest address | u64 size | u64 user address | u64 mmap offset }
     * </pre>
     */
    static MemoryTable map(ByteBuffer payload, List<OwnedFd> fds) throws PeerException, NativeException {
        int regions = payload.getInt();
        payload.getInt();
        // User-Mode Linux always sends room for two regions: what follows the last one is not looked at.
        if (regions != fds.size() || payload.remaining() < 32 * regions) {
            throw new PeerException("a memory table of %s regions with %d descriptors and %d bytes of regions"
                    .formatted(Integer.toUnsignedString(regions), fds.size(), payload.remaining()));
        }
        List<SharedMapping> mappings = new ArrayList<>();
        List<GuestMemory.Region> table = new ArrayList<>();
        try {
            for (OwnedFd fd : fds) {
                long guestAddress = payload.getLong();
                long size = payload.getLong();
                long userAddress = payload.getLong();
                long offset = payload.getLong();
                if (size <= 0 || offset < 0 || offset > Long.MAX_VALUE - size) {
                    throw new PeerException("a memory region of 0x%x bytes at offset 0x%x".formatted(size, offset));
                }
                // From 0, since the offset need not be a multiple of the file's page size (huge pages).
                SharedMapping mapping = SharedMapping.map(fd.number(), 0, offset + size);
                mappings.add(mapping);
                table.add(new GuestMemory.Region(
                        guestAddress, userAddress, mapping.segment().asSlice(offset, size)));
            }
            return new MemoryTable(mappings, GuestMemory.of(table));
        } catch (IllegalArgumentException e) {
            mappings.forEach(SharedMapping::close);
            throw new PeerException("memory table refused: " + e.getMessage());
        } catch (PeerException | NativeException | RuntimeException e) {
            mappings.forEach(SharedMapping::close);
            throw e;
        }
    }

    GuestMemory memory() {
        return memory;
    }

    /** Unmaps. Takes milliseconds: not on a loop that carries packets, and only after every ring let go. */
    @Override
    public void close() {
        mappings.forEach(SharedMapping::close);
    }
}
