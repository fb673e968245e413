// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Where the packet of a slot lies, in one piece as it were: first the slot's guest buffers, behind them the spill, memory
 * of our own that catches what the buffers have no room for.
 *
 * <pre>
 *   0                    capacity                    capacity + SPILL_BYTES
 *   |  guest buffers      |  spill                    |
 * </pre>
 *
 * Owner loop's thread only; nothing is allocated after construction.
 */
final class FrameRoom {
    /** A whole IP packet of 65,535 bytes with its Ethernet header, two VLAN tags and some room. */
    static final int READ_BYTES = 65_535 + 14 + 8 + 19;

    /** Room for a packet that lies, or is moved, some bytes further back. */
    private static final int SPILL_BYTES = READ_BYTES + 2 * 16;

    private final ReceiveBuffers buffers;
    private final MemorySegment spill;
    private final boolean sharedSpill;
    private final MemorySegment scratch;

    /**
     * @param sharedSpill whether one spill serves all slots, since a packet is dealt with before the next one is read
     * @param moves whether {@link #move} is going to be used
     */
    FrameRoom(ReceiveBuffers buffers, Arena arena, boolean sharedSpill, boolean moves) {
        this.buffers = buffers;
        this.sharedSpill = sharedSpill;
        spill = arena.allocate((long) SPILL_BYTES * (sharedSpill ? 1 : ReceiveBuffers.SLOTS), 8);
        scratch = moves ? arena.allocate(SPILL_BYTES, 8) : MemorySegment.NULL;
    }

    private long spillOffset(int slot) {
        return sharedSpill ? 0 : (long) slot * SPILL_BYTES;
    }

    /** The address of byte {@code at} of a slot's spill. */
    long spillAddress(int slot, long at) {
        return spill.address() + spillOffset(slot) + at;
    }

    /** A slot's spill. */
    MemorySegment spill(int slot) {
        return spill.asSlice(spillOffset(slot), SPILL_BYTES);
    }

    /** Copies {@code bytes} bytes out, from {@code at} on. */
    void copyOut(int slot, long at, MemorySegment to, long offset, long bytes) {
        long done = buffers.copyOut(slot, at, to, offset, bytes);
        if (done < bytes) {
            MemorySegment.copy(spill, spillAt(slot, at + done), to, offset + done, bytes - done);
        }
    }

    /** Copies {@code bytes} bytes in, from {@code at} on. */
    void copyIn(int slot, long at, MemorySegment from, long offset, long bytes) {
        long done = buffers.copyIn(slot, at, from, offset, bytes);
        if (done < bytes) {
            MemorySegment.copy(from, offset + done, spill, spillAt(slot, at + done), bytes - done);
        }
    }

    /** Moves {@code bytes} bytes; the two places may overlap. */
    void move(int slot, long from, long to, long bytes) {
        copyOut(slot, from, scratch, 0, bytes);
        copyIn(slot, to, scratch, 0, bytes);
    }

    private long spillAt(int slot, long at) {
        return spillOffset(slot) + at - buffers.capacityBytes(slot);
    }
}
