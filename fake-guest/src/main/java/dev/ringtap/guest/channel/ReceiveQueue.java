// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.BufferList;
import dev.ringtap.guest.ring.DeviceFaultException;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.linux.posix.NativeException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * A receiveq and its buffers, which it keeps posted. VIRTIO 1.3, 5.1.6.3 Setting Up Receive Buffers and 5.1.6.4
 * Processing of Incoming Packets. Owner thread only.
 */
public final class ReceiveQueue {
    /** Stale header bytes: a device that leaves a field unwritten is then seen to. */
    private static final byte STALE = (byte) 0xA5;

    private static final int NO_BUFFER = -1;

    private final Vring vring;
    private final DriverVirtqueue queue;
    private final MemorySegment memory;
    private final int pair;
    private final Layout layout;
    private final long buffers;
    private final long buffersGuestAddress;
    private final int[] bufferOfHead;
    private final int[] freeBuffers;
    private final BufferList elements = new BufferList();
    private int freeCount;
    private byte[] assembly = new byte[2048];

    /**
     * How receive buffers look.
     *
     * @param headerBytes 10, 12 or 20, by the negotiated features
     * @param mergeable MRG_RXBUF was negotiated: a packet may take several buffers
     * @param bufferBytes of one buffer, header included, at least {@code headerBytes}
     * @param pieceBytes of one descriptor at most; longer buffers become chains
     */
    public record Layout(int headerBytes, boolean mergeable, int bufferBytes, int pieceBytes) {
        public Layout {
            if (bufferBytes < headerBytes || pieceBytes < 1) {
                throw new IllegalArgumentException(
                        "receive buffers of %d bytes in pieces of %d: need at least %d, and 1"
                                .formatted(bufferBytes, pieceBytes, headerBytes));
            }
        }

        /** Descriptors of one buffer. */
        public int pieces() {
            return Math.ceilDiv(bufferBytes, pieceBytes);
        }

        /** How many buffers a ring of this size holds; indirect tables count where they are long enough. */
        public int buffers(int ringSize, int indirectEntries) {
            return indirectEntries >= pieces() ? ringSize : ringSize / pieces();
        }

        int strideBytes() {
            return bufferBytes + 63 & -64;
        }

        /** Guest memory that the buffers of one queue take. */
        public long memoryBytes(int ringSize, int indirectEntries) {
            return (long) strideBytes() * buffers(ringSize, indirectEntries) + 64;
        }
    }

    /**
     * Takes its buffers from {@code ram}; none is posted before {@link #fill}.
     *
     * @param pair number of its queue pair, from 0
     */
    public ReceiveQueue(Vring vring, int pair, GuestRam ram, Layout layout, int indirectEntries) {
        this.vring = vring;
        this.queue = vring.queue();
        this.memory = ram.segment();
        this.pair = pair;
        this.layout = layout;
        int count = layout.buffers(queue.size(), indirectEntries);
        if (count == 0) {
            throw new IllegalArgumentException("a receive buffer of %d descriptors does not fit into a ring of %d"
                    .formatted(layout.pieces(), queue.size()));
        }
        buffers = ram.allocate((long) layout.strideBytes() * count, 64);
        buffersGuestAddress = ram.guestAddress(buffers);
        bufferOfHead = new int[queue.size()];
        Arrays.fill(bufferOfHead, NO_BUFFER);
        freeBuffers = new int[count];
        for (int i = 0; i < count; i++) {
            freeBuffers[i] = count - 1 - i;
        }
        freeCount = count;
    }

    public Vring vring() {
        return vring;
    }

    /** Posts every free buffer and kicks if the device wants it. */
    public void fill() throws NativeException {
        while (freeCount > 0) {
            int buffer = freeBuffers[freeCount - 1];
            long offset = (long) layout.strideBytes() * buffer;
            memory.asSlice(buffers + offset, layout.headerBytes()).fill(STALE);
            elements.clear();
            for (int at = 0; at < layout.bufferBytes(); at += layout.pieceBytes()) {
                int length = Math.min(layout.pieceBytes(), layout.bufferBytes() - at);
                elements.writable(buffersGuestAddress + offset + at, length);
            }
            int head = queue.add(elements);
            if (head == DriverVirtqueue.NONE) {
                break;
            }
            bufferOfHead[head] = buffer;
            freeCount--;
        }
        vring.publishAndKick();
    }

    /**
     * Takes the next packet, all its buffers together. They are posted again at the next {@link #fill}.
     *
     * @return null if there is none
     * @throws DeviceFaultException if its header or buffer lengths break the specification
     */
    public ReceivedPacket poll() throws DeviceFaultException {
        int head = queue.pollUsed();
        if (head == DriverVirtqueue.NONE) {
            return null;
        }
        long first = take(head);
        int usedBytes = queue.lastUsedLength();
        if (usedBytes < layout.headerBytes()) {
            throw fault("a used buffer of %d bytes, shorter than the header of %d", usedBytes, layout.headerBytes());
        }
        int numBuffers = VirtioNetHeader.numBuffers(memory, first, layout.headerBytes());
        if (numBuffers < 1 || numBuffers > 1 && !layout.mergeable()) {
            throw fault("num_buffers %d %s MRG_RXBUF", numBuffers, layout.mergeable() ? "with" : "without");
        }
        int frameBytes = gather(first + layout.headerBytes(), usedBytes - layout.headerBytes(), 0);
        int lastLength = usedBytes;
        for (int i = 1; i < numBuffers; i++) {
            // 5.1.6.4.1: all buffers but the last are filled, and all of a packet are used together.
            if (lastLength != layout.bufferBytes()) {
                throw fault("buffer %d of %d has %d bytes", i, numBuffers, lastLength);
            }
            head = queue.pollUsed();
            if (head == DriverVirtqueue.NONE) {
                throw fault("num_buffers %d, but only %d used", numBuffers, i);
            }
            lastLength = queue.lastUsedLength();
            usedBytes += lastLength;
            frameBytes = gather(take(head), lastLength, frameBytes);
        }
        byte[] frame = Arrays.copyOf(assembly, frameBytes);
        return VirtioNetHeader.read(memory, first, layout.headerBytes(), pair, frame, numBuffers, usedBytes);
    }

    /** The offset of the chain's buffer, which is then free. */
    private long take(int head) {
        int buffer = bufferOfHead[head];
        bufferOfHead[head] = NO_BUFFER;
        freeBuffers[freeCount++] = buffer;
        return buffers + (long) layout.strideBytes() * buffer;
    }

    private int gather(long from, int lengthBytes, int at) {
        if (at + lengthBytes > assembly.length) {
            assembly = Arrays.copyOf(assembly, Math.max(2 * assembly.length, at + lengthBytes));
        }
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, from, assembly, at, lengthBytes);
        return at + lengthBytes;
    }

    private DeviceFaultException fault(String format, Object... arguments) {
        return new DeviceFaultException("receive queue " + pair + ": " + format.formatted(arguments));
    }

    @Override
    public String toString() {
        return "ReceiveQueue[" + pair + ", " + vring + "]";
    }
}
