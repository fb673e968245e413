// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.virtio.queue.DescriptorChain;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.lang.foreign.MemorySegment;

/**
 * The receive buffers set aside for one burst of reads. A burst has slots, one a frame; a slot has chains, taken off the
 * ring in order; a chain has pieces of guest memory.
 *
 * <pre>
 *   slot 0            slot 1      …     copies
 *   | chain | chain | chain |     …   | chain |     in the order they were taken: spares first, then the ring's
 *   |pieces…|pieces…|pieces…|
 * </pre>
 *
 * After the burst, chains that no frame used go back: those at the end of what the ring gave are un-polled, those before a
 * used one cannot be and wait as <em>spares</em> for the next burst.
 *
 * <p>Owner loop's thread only; nothing is allocated after construction. {@link InternalError} from any method means that
 * the front-end truncated the file behind its memory.
 */
final class ReceiveBuffers {
    /** Frames a burst reads at most. */
    static final int SLOTS = 32;
    /** Pieces a slot has at most; a chain with more is its driver's fault. */
    static final int SLOT_PIECES = 262;

    private static final int CHAINS = 1024;

    private final DescriptorChain chain = new DescriptorChain(SLOT_PIECES);
    private final int[] chainHead = new int[CHAINS];
    private final long[] chainBytes = new long[CHAINS];
    private final boolean[] chainUsed = new boolean[CHAINS];
    private int chains;
    private int chainsFromSpares;

    private final int[] firstChain = new int[SLOTS];
    private final int[] chainCount = new int[SLOTS];
    private final long[] capacityBytes = new long[SLOTS];
    private final int[] pieceCount = new int[SLOTS];
    private final MemorySegment[] pieceSegment = new MemorySegment[SLOTS * SLOT_PIECES];
    private final long[] pieceOffset = new long[SLOTS * SLOT_PIECES];
    private final int[] pieceBytes = new int[SLOTS * SLOT_PIECES];

    private final int[] spareHeads = new int[CHAINS];
    private int spares;
    private SplitVirtqueue queue;

    // The chains of the last extension, up to the last one taken: nothing else takes chains while frames are delivered.
    private int extensionFirst;

    // Where #locate found a byte.
    private int foundPiece;
    private long foundSkip;

    /** Works on this ring from now on, with nothing taken from it. */
    void attach(SplitVirtqueue ring) {
        queue = ring;
        chains = 0;
        chainsFromSpares = 0;
        spares = 0;
    }

    /** Begins a burst. Everything of the one before has been used or returned. */
    void begin() {
        chains = 0;
        chainsFromSpares = 0;
    }

    /**
     * Sets chains aside for a slot.
     *
     * @param wantedBytes room wanted, header included; one chain is taken even if it has less
     * @param several whether a frame may span chains (mergeable buffers)
     * @param leastBytes room below which the slot waits for the driver, as long as it may have more to give
     * @return false if the ring has too little; what was taken is then unused and goes back with the rest
     */
    boolean reserve(int slot, long wantedBytes, boolean several, long leastBytes) throws VirtqueueException {
        int first = chains;
        int firstPiece = slot * SLOT_PIECES;
        int pieces = 0;
        long capacity = 0;
        boolean ringEmpty = false;
        do {
            if (chains == CHAINS) {
                break;
            }
            if (!take()) {
                ringEmpty = true;
                break;
            }
            if (pieces + chain.pieces() > SLOT_PIECES) {
                putBack();
                break;
            }
            for (int i = 0; i < chain.pieces(); i++) {
                pieceSegment[firstPiece + pieces] = chain.segment(i);
                pieceOffset[firstPiece + pieces] = chain.offset(i);
                pieceBytes[firstPiece + pieces] = chain.length(i);
                pieces++;
            }
            capacity += chain.writableBytes();
        } while (several && capacity < wantedBytes);
        int taken = chains - first;
        // A ring that is all here and still too short will not get longer.
        if (taken == 0 || several && ringEmpty && capacity < leastBytes && taken < queue.size()) {
            return false;
        }
        firstChain[slot] = first;
        chainCount[slot] = taken;
        pieceCount[slot] = pieces;
        capacityBytes[slot] = capacity;
        return true;
    }

    private boolean take() throws VirtqueueException {
        int head;
        if (spares > 0) {
            head = spareHeads[0];
            System.arraycopy(spareHeads, 1, spareHeads, 0, --spares);
            chainsFromSpares++;
        } else {
            head = queue.pollHead();
            if (head == SplitVirtqueue.EMPTY) {
                return false;
            }
        }
        chainHead[chains] = head;
        chainUsed[chains] = false;
        chains++;
        queue.readChain(head, chain);
        if (chain.readable() > 0) {
            throw new VirtqueueException(VirtqueueException.Reason.NOT_WRITABLE, head);
        }
        chainBytes[chains - 1] = chain.writableBytes();
        return true;
    }

    private void putBack() {
        chains--;
        if (chains < chainsFromSpares) {
            chainsFromSpares--;
            System.arraycopy(spareHeads, 0, spareHeads, 1, spares++);
            spareHeads[0] = chainHead[chains];
        } else {
            queue.unpoll(1);
        }
    }

    /** How many chains a slot has. */
    int chainCount(int slot) {
        return chainCount[slot];
    }

    /** How many bytes a slot's chains have room for, header included. */
    long capacityBytes(int slot) {
        return capacityBytes[slot];
    }

    /**
     * Writes iovecs for a slot's room behind its first {@code skipBytes} bytes.
     *
     * @param at first entry to write; {@link #SLOT_PIECES} entries are enough
     * @return the entry after the last one written
     */
    int fillIovecs(int slot, long skipBytes, IovecArray iovecs, int at) {
        int next = at;
        long skip = skipBytes;
        int first = slot * SLOT_PIECES;
        for (int i = first; i < first + pieceCount[slot]; i++) {
            if (pieceBytes[i] > skip) {
                long address = pieceSegment[i].address() + pieceOffset[i] + skip;
                iovecs.set(next++, address, pieceBytes[i] - skip);
                skip = 0;
            } else {
                skip -= pieceBytes[i];
            }
        }
        return next;
    }

    /**
     * Finds the byte {@code at} of a slot's room, for {@link #segment} and {@link #offset}.
     *
     * @return how many bytes lie together from there on; 0 if the room ends before
     */
    long locate(int slot, long at) {
        long skip = at;
        int piece = slot * SLOT_PIECES;
        int end = piece + pieceCount[slot];
        while (piece < end && skip >= pieceBytes[piece]) {
            skip -= pieceBytes[piece++];
        }
        foundPiece = piece;
        foundSkip = skip;
        return piece == end ? 0 : pieceBytes[piece] - skip;
    }

    /** The memory that holds what {@link #locate} found. */
    MemorySegment segment() {
        return pieceSegment[foundPiece];
    }

    /** Where in {@link #segment} it is. */
    long offset() {
        return pieceOffset[foundPiece] + foundSkip;
    }

    /**
     * Copies up to {@code bytes} bytes of a slot's room, from {@code at} on; returns how many there were.
     *
     * @param offset in {@code to}
     */
    long copyOut(int slot, long at, MemorySegment to, long offset, long bytes) {
        long done = 0;
        long together = locate(slot, at);
        int end = slot * SLOT_PIECES + pieceCount[slot];
        while (together > 0 && done < bytes) {
            long part = Math.min(together, bytes - done);
            MemorySegment.copy(segment(), offset(), to, offset + done, part);
            done += part;
            foundPiece++;
            foundSkip = 0;
            together = foundPiece < end ? pieceBytes[foundPiece] : 0;
        }
        return done;
    }

    /**
     * Copies up to {@code bytes} bytes into a slot's room, from {@code at} on; returns how many there was room for.
     *
     * @param offset in {@code from}
     */
    long copyIn(int slot, long at, MemorySegment from, long offset, long bytes) {
        long done = 0;
        long together = locate(slot, at);
        int end = slot * SLOT_PIECES + pieceCount[slot];
        while (together > 0 && done < bytes) {
            long part = Math.min(together, bytes - done);
            MemorySegment.copy(from, offset + done, segment(), offset(), part);
            done += part;
            foundPiece++;
            foundSkip = 0;
            together = foundPiece < end ? pieceBytes[foundPiece] : 0;
        }
        return done;
    }

    /**
     * Takes further chains and copies into them what the slot of the frame at hand had no room for.
     *
     * @return false if the ring has too few; those taken are then unused
     */
    boolean extend(MemorySegment from, long bytes) throws VirtqueueException {
        int first = chains;
        long copied = 0;
        while (copied < bytes) {
            if (chains == CHAINS || !take()) {
                return false;
            }
            int part = (int) Math.min(bytes - copied, chain.writableBytes());
            chain.copyIn(0, from, (int) copied, part);
            copied += part;
        }
        extensionFirst = first;
        return true;
    }

    /**
     * Stages used entries for a frame.
     *
     * @param bytes written to the slot's chains and then to those of its extension, header included
     * @param extended whether {@link #extend} succeeded for this frame
     * @return how many chains that were
     */
    int use(int slot, long bytes, boolean extended) {
        long left = bytes;
        int buffers = 0;
        for (int i = firstChain[slot]; i < firstChain[slot] + chainCount[slot] && left > 0; i++) {
            left -= use(i, left);
            buffers++;
        }
        for (int i = extensionFirst; extended && i < chains && left > 0; i++) {
            left -= use(i, left);
            buffers++;
        }
        return buffers;
    }

    private long use(int index, long left) {
        long bytes = Math.min(left, chainBytes[index]);
        chainUsed[index] = true;
        queue.addUsed(chainHead[index], (int) bytes);
        return bytes;
    }

    /** Ends the burst: what no frame used goes back to the ring, or waits as a spare where it cannot. */
    void returnUnused() {
        int keep = chains;
        while (keep > chainsFromSpares && !chainUsed[keep - 1]) {
            keep--;
        }
        if (keep < chains) {
            queue.unpoll(chains - keep);
        }
        int unused = 0;
        for (int i = 0; i < keep; i++) {
            if (!chainUsed[i]) {
                chainHead[unused++] = chainHead[i];
            }
        }
        if (unused > 0) {
            System.arraycopy(spareHeads, 0, spareHeads, unused, spares);
            System.arraycopy(chainHead, 0, spareHeads, 0, unused);
            spares += unused;
        }
        begin();
    }

    /**
     * Stages empty used entries for everything that is still here, so that the driver gets it back.
     *
     * @return whether there was anything
     */
    boolean giveBackEmpty() {
        boolean any = spares > 0;
        for (int i = 0; i < chains; i++) {
            if (!chainUsed[i]) {
                queue.addUsed(chainHead[i], 0);
                any = true;
            }
        }
        for (int i = 0; i < spares; i++) {
            queue.addUsed(spareHeads[i], 0);
        }
        spares = 0;
        begin();
        return any;
    }
}
