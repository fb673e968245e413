// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static dev.ringtap.emulator.datapath.Counter.TX_BAD_HEADER;
import static dev.ringtap.emulator.datapath.Counter.TX_BURSTS;
import static dev.ringtap.emulator.datapath.Counter.TX_BYTES;
import static dev.ringtap.emulator.datapath.Counter.TX_CALLS;
import static dev.ringtap.emulator.datapath.Counter.TX_PACKETS;
import static dev.ringtap.emulator.datapath.Counter.TX_REFUSED;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.queue.DescriptorChain;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/**
 * Guest to host for one queue pair: frames go from the driver's buffers straight into the TAP queue.
 *
 * <p>One write is {@code writev({header copy, guest buffers after the virtio-net header})}. The header is copied once and
 * checked in the copy, so that a guest that rewrites it afterwards changes nothing that was checked.
 *
 * <p>Owner loop's thread only.
 */
final class TransmitPath implements BurstListener {
    private static final int SLOTS = 32;
    private static final int SLOT_PIECES = 1022;
    /** UIO_MAXIOV: no call takes more. */
    private static final int SLOT_IOVECS = 1024;

    private static final int HEADER_STRIDE_BYTES = 32;
    private static final int CHAINS_PER_BURST = 2 * SLOTS;
    private static final int ROUNDS_PER_TURN = 8;
    private static final long POLL_INTERVAL_NS = 50_000;

    private final IoLoop loop;
    private final int tapHeaderBytes;
    private final PairCounters counters;
    private final PairEvents events;
    private final Burst burst;
    private final Runnable turn = this::turn;
    private final Runnable poll = this::poll;
    private final IovecArray iovecs = new IovecArray(SLOTS * SLOT_IOVECS);
    private final MemorySegment headers;
    private final DescriptorChain chain = new DescriptorChain(SLOT_PIECES);
    private final int[] slotHead = new int[SLOTS];
    private final long[] slotFrameBytes = new long[SLOTS];

    private Vring vring;
    private DriverContract contract;
    private boolean turnScheduled;
    private boolean pollScheduled;
    private boolean submitting;
    private int finished;
    private int sent;
    private long sentBytes;
    private Throwable fault;
    private int faultyHead = SplitVirtqueue.EMPTY;
    private Runnable whenIdle;

    TransmitPath(IoLoop loop, Arena arena, PortQueue tapQueue, PairCounters counters, PairEvents events) {
        this.loop = loop;
        tapHeaderBytes = tapQueue.headerBytes();
        this.counters = counters;
        this.events = events;
        burst = tapQueue.newBurst(loop, SLOTS, this);
        headers = arena.allocate((long) SLOTS * HEADER_STRIDE_BYTES, 8);
    }

    void contract(DriverContract next) {
        contract = next;
    }

    Vring vring() {
        return vring;
    }

    void start(Vring started) {
        vring = started;
        run();
    }

    /** Stops after the burst under way; {@code done} gets the next available index, on this thread. */
    void stop(IntConsumer done) {
        Runnable work = () -> {
            Vring stopped = vring;
            vring = null;
            done.accept(
                    stopped == null ? ReceivePath.NOT_RUNNING : stopped.queue().nextAvailable());
        };
        if (!burst.inFlight()) {
            work.run();
        } else {
            Runnable earlier = whenIdle;
            whenIdle = earlier == null
                    ? work
                    : () -> {
                        earlier.run();
                        work.run();
                    };
        }
    }

    void close() {
        burst.close();
        iovecs.close();
    }

    /** Sends until the ring is empty or others on this loop should have a turn. */
    void run() {
        if (vring == null || burst.inFlight()) {
            return;
        }
        SplitVirtqueue queue = vring.queue();
        try {
            queue.disableKicks();
            for (int round = 0; round < ROUNDS_PER_TURN; round++) {
                boolean more = fill(queue);
                submitting = true;
                try {
                    burst.submit();
                } finally {
                    submitting = false;
                }
                if (burst.inFlight() || vring == null) {
                    return;
                }
                if (!more && pause(queue)) {
                    return;
                }
            }
        } catch (InternalError e) {
            // The front-end truncated the file behind its memory.
            fail(e);
            return;
        }
        if (!turnScheduled) {
            turnScheduled = true;
            loop.executor().execute(turn);
        }
    }

    private void turn() {
        turnScheduled = false;
        run();
    }

    private void poll() {
        pollScheduled = false;
        run();
    }

    /** Nothing left: asks for kicks. False if chains came before that was seen. */
    private boolean pause(SplitVirtqueue queue) {
        if (vring.kick() == null) {
            if (!pollScheduled) {
                pollScheduled = true;
                loop.executor().schedule(poll, POLL_INTERVAL_NS, TimeUnit.NANOSECONDS);
            }
            return true;
        }
        if (!queue.enableKicks()) {
            return true;
        }
        queue.disableKicks();
        return false;
    }

    /** Adds the writes of a burst. False if the ring had fewer chains than a burst takes. */
    private boolean fill(SplitVirtqueue queue) {
        int head = SplitVirtqueue.EMPTY;
        try {
            // Chains that are refused take no slot, so they are bounded too: others on this loop want their turn.
            int slot = 0;
            for (int taken = 0; slot < SLOTS && taken < CHAINS_PER_BURST; taken++) {
                head = SplitVirtqueue.EMPTY;
                head = queue.pollHead();
                if (head == SplitVirtqueue.EMPTY) {
                    return false;
                }
                queue.readChain(head, chain);
                if (fillSlot(slot, head)) {
                    slot++;
                } else {
                    counters.add(TX_BAD_HEADER, 1);
                    finish(head);
                }
            }
            return true;
        } catch (VirtqueueException e) {
            fault = e;
            faultyHead = head;
            return false;
        } catch (InternalError e) {
            // The front-end truncated the file behind its memory. What was added before goes out and ends the burst.
            fault = e;
            return false;
        }
    }

    private boolean fillSlot(int slot, int head) {
        int headerBytes = contract.headerBytes();
        long frameBytes = chain.readableBytes() - headerBytes;
        long header = (long) slot * HEADER_STRIDE_BYTES;
        if (frameBytes <= 0 || chain.writable() > 0) {
            return false;
        }
        // A legacy header of 10 bytes leaves num_buffers of the TAP's unwritten.
        headers.set(ValueLayout.JAVA_SHORT, header + NetHeader.NUM_BUFFERS, (short) 0);
        chain.copyOut(0, headers, (int) header, headerBytes);
        if (NetHeader.check(headers, header, frameBytes, contract.features()) != NetHeader.TxFault.NONE) {
            return false;
        }
        NetHeader.keepMeaningful(headers, header);
        // Hash fields mean nothing towards the host, and must not carry what the driver wrote there.
        headers.set(ValueLayout.JAVA_LONG_UNALIGNED, header + NetHeader.SIZE, 0L);
        int first = slot * SLOT_IOVECS;
        int iovec = first;
        iovecs.set(iovec++, headers.address() + header, tapHeaderBytes);
        int skip = headerBytes;
        for (int i = 0; i < chain.readable(); i++) {
            int bytes = chain.length(i);
            if (bytes > skip) {
                iovecs.set(iovec++, chain.nativeAddress(i) + skip, bytes - skip);
                skip = 0;
            } else {
                skip -= bytes;
            }
        }
        slotHead[slot] = head;
        slotFrameBytes[slot] = frameBytes;
        burst.write(slot, iovecs.addressOf(first), iovec - first);
        return true;
    }

    private void finish(int head) {
        vring.queue().addUsed(head, 0);
        finished++;
    }

    @Override
    public void completed(int slot, int result) {
        if (result >= 0) {
            sent++;
            sentBytes += slotFrameBytes[slot];
        } else {
            counters.add(TX_REFUSED, 1);
            if (result == -Errno.EBADFD) {
                events.tapGone();
            }
        }
        try {
            finish(slotHead[slot]);
        } catch (InternalError e) {
            fault = e;
        }
    }

    @Override
    public void burstCompleted() {
        try {
            if (finished > 0) {
                if (vring.publish()) {
                    counters.add(TX_CALLS, 1);
                }
                counters.add(TX_PACKETS, sent);
                counters.add(TX_BYTES, sentBytes);
                counters.add(TX_BURSTS, 1);
            }
        } catch (InternalError e) {
            fault = e;
        }
        finished = 0;
        sent = 0;
        sentBytes = 0;
        if (fault != null) {
            Throwable cause = fault;
            fault = null;
            fail(cause);
        }
        Runnable work = whenIdle;
        whenIdle = null;
        if (work != null) {
            work.run();
        }
        if (!submitting) {
            run();
        }
    }

    private void fail(Throwable cause) {
        Vring broken = vring;
        vring = null;
        burst.discard();
        if (faultyHead != SplitVirtqueue.EMPTY) {
            try {
                broken.queue().addUsed(faultyHead, 0);
                broken.publish();
            } catch (InternalError e) {
                cause.addSuppressed(e);
            }
            faultyHead = SplitVirtqueue.EMPTY;
        }
        events.driverFault(broken.index(), cause);
    }
}
