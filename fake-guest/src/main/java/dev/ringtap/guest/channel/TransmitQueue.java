// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.BufferList;
import dev.ringtap.guest.ring.DeviceFaultException;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import io.netty.channel.ChannelPromise;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A transmitq and the memory its frames lie in while the device reads them: chunks of {@link #CHUNK_BYTES}, so that a
 * large frame is a chain as it is with a real driver. VIRTIO 1.3, 5.1.6.2 Packet Transmission. Owner thread only.
 */
public final class TransmitQueue {
    /** Of one descriptor at most. */
    public static final int CHUNK_BYTES = 4096;

    /** A frame of 64 KiB and its header take 17; some room beside it even in a small ring. */
    private static final int MIN_CHUNKS = 64;

    private static final int END = -1;

    private final Vring vring;
    private final DriverVirtqueue queue;
    private final MemorySegment memory;
    private final int headerBytes;
    private final boolean headerApart;
    private final int maxFrameBytes;
    private final long chunks;
    private final long chunksGuestAddress;
    /** By chunk: the next of its frame, or of the free ones. */
    private final int[] nextChunk;

    private final int[] firstChunkOfHead;
    private final ChannelPromise[] promiseOfHead;
    private final BufferList elements = new BufferList();
    private int firstFree;
    private int freeCount;
    private boolean reaping;

    /**
     * @param headerBytes 10, 12 or 20, by the negotiated features
     * @param headerApart gives the header a descriptor of its own; a device must take either (VIRTIO 1.3, 2.7.4)
     * @param indirectEntries of the ring's indirect tables, 0 if there are none
     */
    public TransmitQueue(Vring vring, GuestRam ram, int headerBytes, boolean headerApart, int indirectEntries) {
        this.vring = vring;
        this.queue = vring.queue();
        this.memory = ram.segment();
        this.headerBytes = headerBytes;
        this.headerApart = headerApart;
        int count = chunkCount(queue.size());
        int longestChain = Math.max(queue.size(), indirectEntries) - (headerApart ? 1 : 0);
        maxFrameBytes = Math.min(count, longestChain) * CHUNK_BYTES - headerBytes;
        chunks = ram.allocate((long) count * CHUNK_BYTES, CHUNK_BYTES);
        chunksGuestAddress = ram.guestAddress(chunks);
        nextChunk = new int[count];
        for (int i = 0; i < count; i++) {
            nextChunk[i] = i + 1 < count ? i + 1 : END;
        }
        freeCount = count;
        firstChunkOfHead = new int[queue.size()];
        promiseOfHead = new ChannelPromise[queue.size()];
    }

    private static int chunkCount(int ringSize) {
        return Math.max(MIN_CHUNKS, 2 * ringSize);
    }

    /** Guest memory that the frames of one queue take. */
    public static long memoryBytes(int ringSize) {
        return (long) chunkCount(ringSize) * CHUNK_BYTES + CHUNK_BYTES;
    }

    public Vring vring() {
        return vring;
    }

    /** The longest frame that ever fits. */
    public int maxFrameBytes() {
        return maxFrameBytes;
    }

    /**
     * Puts a frame into the ring; the device sees it at {@link Vring#publishAndKick}.
     *
     * @param packet its frame no longer than {@link #maxFrameBytes}; not needed afterwards
     * @param promise done when the device has used it
     * @return false if there is no room now; nothing has happened then
     */
    public boolean offer(TransmitPacket packet, ChannelPromise promise) {
        byte[] frame = packet.frame();
        int totalBytes = headerBytes + frame.length;
        int needed = Math.ceilDiv(totalBytes, CHUNK_BYTES);
        boolean headerAlone = headerApart && frame.length > 0;
        if (needed > freeCount || !queue.hasRoomFor(needed + (headerAlone ? 1 : 0))) {
            return false;
        }
        elements.clear();
        int first = firstFree;
        int last = END;
        int done = 0;
        for (int i = 0; i < needed; i++) {
            int chunk = firstFree;
            firstFree = nextChunk[chunk];
            last = chunk;
            long at = chunks + (long) chunk * CHUNK_BYTES;
            long guestAddress = chunksGuestAddress + (long) chunk * CHUNK_BYTES;
            int skip = 0;
            if (i == 0) {
                VirtioNetHeader.write(memory, at, headerBytes, packet);
                skip = headerBytes;
            }
            int length = Math.min(CHUNK_BYTES - skip, frame.length - done);
            MemorySegment.copy(frame, done, memory, ValueLayout.JAVA_BYTE, at + skip, length);
            done += length;
            if (i == 0 && headerAlone) {
                elements.readable(guestAddress, headerBytes).readable(guestAddress + skip, length);
            } else {
                elements.readable(guestAddress, skip + length);
            }
        }
        nextChunk[last] = END;
        freeCount -= needed;
        int head = queue.add(elements);
        firstChunkOfHead[head] = first;
        promiseOfHead[head] = promise;
        return true;
    }

    /**
     * Takes back what the device used and completes its promises.
     *
     * @return whether there was any
     */
    public boolean reap() throws DeviceFaultException {
        if (reaping) {
            // A listener wrote, and the ring was full again: the loop below goes on with it.
            return false;
        }
        reaping = true;
        try {
            boolean any = false;
            for (int head; (head = queue.pollUsed()) != DriverVirtqueue.NONE; any = true) {
                releaseChunks(firstChunkOfHead[head]);
                ChannelPromise promise = promiseOfHead[head];
                promiseOfHead[head] = null;
                promise.trySuccess();
            }
            return any;
        } finally {
            reaping = false;
        }
    }

    private void releaseChunks(int first) {
        for (int chunk = first; chunk != END; ) {
            int next = nextChunk[chunk];
            nextChunk[chunk] = firstFree;
            firstFree = chunk;
            freeCount++;
            chunk = next;
        }
    }

    /** Fails the promises of all frames still with the device. The queue is of no use after it. */
    void failOutstanding(Throwable cause) {
        for (int head = 0; head < promiseOfHead.length; head++) {
            ChannelPromise promise = promiseOfHead[head];
            if (promise != null) {
                promiseOfHead[head] = null;
                promise.tryFailure(cause);
            }
        }
    }

    @Override
    public String toString() {
        return "TransmitQueue[" + vring + "]";
    }
}
