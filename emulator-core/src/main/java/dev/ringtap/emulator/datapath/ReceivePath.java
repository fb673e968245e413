// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static dev.ringtap.emulator.datapath.Counter.RX_BURSTS;
import static dev.ringtap.emulator.datapath.Counter.RX_BYTES;
import static dev.ringtap.emulator.datapath.Counter.RX_CALLS;
import static dev.ringtap.emulator.datapath.Counter.RX_ERRORS;
import static dev.ringtap.emulator.datapath.Counter.RX_FILTERED;
import static dev.ringtap.emulator.datapath.Counter.RX_HASHED;
import static dev.ringtap.emulator.datapath.Counter.RX_NO_BUFFERS;
import static dev.ringtap.emulator.datapath.Counter.RX_PACKETS;
import static dev.ringtap.emulator.datapath.Counter.RX_SPILLED;
import static dev.ringtap.emulator.datapath.Counter.RX_STALE;
import static dev.ringtap.emulator.datapath.Counter.RX_TOO_LONG;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.NetFeature;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Host to guest for one queue pair: frames go from the TAP queue straight into the driver's receive buffers.
 *
 * <p>One read is {@code readv({TAP header, guest buffers after the virtio-net header, spill})}. The TAP's header lands in
 * memory of our own, where it can be checked before it is written to the guest. The spill catches what is longer than the
 * buffers set aside: setting aside 64 KiB for every packet because segmentation offload is on would cost more than the
 * packet, so the buffers are sized for what came lately, and the first long frame after short ones is finished by a copy.
 *
 * <p>Owner loop's thread only.
 */
final class ReceivePath implements BurstListener {
    private static final Logger LOG = LoggerFactory.getLogger(ReceivePath.class);

    /** What a path that has no vring answers to "stop" in place of an index. */
    static final int NOT_RUNNING = -1;

    private static final int SLOTS = ReceiveBuffers.SLOTS;
    /** TAP header, pieces, spill. */
    private static final int SLOT_IOVECS = ReceiveBuffers.SLOT_PIECES + 2;

    private static final int TAP_HEADER_STRIDE_BYTES = 32;
    /** A whole IP packet of 65,535 bytes with its Ethernet header, two VLAN tags and some room. */
    private static final int SPILL_BYTES = 65_535 + 14 + 8 + 19;
    /** How many packets after a long one the buffers stay sized for long ones. */
    private static final int LONG_FRAME_MEMORY_PACKETS = 256;
    /** The longest header chain the hash rules look at: 12 extension headers of 2,048 bytes and what surrounds them. */
    private static final int HASH_REACH_BYTES = 14 + 8 + 40 + 12 * 2048 + 20;

    private static final int VLAN_TAGS_BYTES = 2 * 4;
    /** What the receive filter looks at: addresses and up to two VLAN tags. */
    private static final int FILTERED_BYTES = 14 + VLAN_TAGS_BYTES;

    /** More frames than a TAP queue holds unless told otherwise (1,000): after as many, all that waited have come. */
    private static final int TAP_QUEUE_PACKETS = 1024;

    private static final int ROUNDS_PER_TURN = 8;
    private static final long POLL_INTERVAL_NS = 50_000;
    private static final long RETRY_INTERVAL_NS = 1_000_000;

    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final IoLoop loop;
    private final PortQueue tapQueue;
    private final int tapHeaderBytes;
    private final HashSource hashSource;
    private final PairCounters counters;
    private final PairEvents events;
    private final Burst burst;
    private final Runnable turn = this::turn;
    private final Runnable poll = this::poll;

    private final IovecArray iovecs = new IovecArray(SLOTS * SLOT_IOVECS);
    private final MemorySegment tapHeaders;
    private final MemorySegment spill;
    private final boolean sharedSpill;
    private final MemorySegment header;
    private final MemorySegment hashWindow;
    private final ReceiveBuffers buffers = new ReceiveBuffers();

    private Vring vring;
    private DriverContract contract;
    private boolean tapEmpty;
    private boolean turnScheduled;
    private boolean pollScheduled;
    private boolean submitting;
    private int burstSlots = 1;
    private int longFrameMemory;
    private int completedReads;
    private int delivered;
    private long deliveredBytes;
    private int hashed;
    private Throwable deliveryFault;
    private Throwable fillFault;
    private Runnable whenIdle;
    private Runnable whenDrained;
    private Runnable whenDiscarded;
    private int drainPackets;

    ReceivePath(
            IoLoop loop,
            Arena arena,
            PortQueue tapQueue,
            HashSource hashSource,
            PairCounters counters,
            PairEvents events) {
        this.loop = loop;
        this.tapQueue = tapQueue;
        tapHeaderBytes = tapQueue.headerBytes();
        this.hashSource = hashSource;
        this.counters = counters;
        this.events = events;
        burst = tapQueue.newBurst(loop, SLOTS, this);
        tapHeaders = arena.allocate((long) SLOTS * TAP_HEADER_STRIDE_BYTES, 8);
        sharedSpill = tapQueue.completesInSubmit(loop);
        spill = arena.allocate((long) SPILL_BYTES * (sharedSpill ? 1 : SLOTS), 8);
        header = arena.allocate(NetHeader.SIZE_WITH_HASH, 8);
        hashWindow = arena.allocate(HASH_REACH_BYTES, 8);
    }

    void contract(DriverContract next) {
        contract = next;
    }

    void start(Vring started) {
        afterBurst(() -> {
            vring = started;
            buffers.attach(vring.queue());
            burstSlots = 1;
            vring.queue().disableKicks();
            run();
        });
    }

    Vring vring() {
        return vring;
    }

    /** Throws away what waits in the TAP queue, since it was sent before there was a driver; then calls back. */
    void discardBacklog(Runnable done) {
        if (vring != null || burst.inFlight()) {
            done.run();
            return;
        }
        whenDiscarded = done;
        drainPackets = TAP_QUEUE_PACKETS;
        run();
    }

    private void finishDiscard() {
        Runnable done = whenDiscarded;
        whenDiscarded = null;
        if (done != null) {
            done.run();
        }
    }

    /**
     * Stops after the burst under way and gives the driver back every buffer it left here.
     *
     * @param done gets the next available index, on this thread
     */
    void stop(IntConsumer done) {
        afterBurst(() -> {
            if (vring == null) {
                finishDiscard();
                done.accept(NOT_RUNNING);
                return;
            }
            Vring stopped = vring;
            vring = null;
            try {
                if (buffers.giveBackEmpty()) {
                    stopped.publish();
                }
            } catch (InternalError e) {
                LOG.debug("the memory is gone, and with it whoever would have taken the buffers back", e);
            }
            done.accept(stopped.queue().nextAvailable());
        });
    }

    /**
     * Calls back once every frame that waits in the TAP queue now has been read, or cannot be because no driver is there to
     * read for.
     */
    void drain(Runnable done) {
        afterBurst(() -> {
            Runnable other = whenDrained;
            whenDrained = other == null
                    ? done
                    : () -> {
                        other.run();
                        done.run();
                    };
            drainPackets = TAP_QUEUE_PACKETS;
            run();
        });
    }

    private void finishDrain() {
        Runnable done = whenDrained;
        whenDrained = null;
        if (done != null) {
            done.run();
        }
    }

    private void afterBurst(Runnable work) {
        if (!burst.inFlight()) {
            work.run();
        } else if (whenIdle == null) {
            whenIdle = work;
        } else {
            Runnable earlier = whenIdle;
            whenIdle = () -> {
                earlier.run();
                afterBurst(work);
            };
        }
    }

    void close() {
        burst.close();
        iovecs.close();
    }

    /** Reads until the TAP queue is empty, buffers run out, or others on this loop should have a turn. */
    void run() {
        if (burst.inFlight()) {
            return;
        }
        if (vring == null) {
            runWithoutDriver();
            return;
        }
        for (int round = 0; round < ROUNDS_PER_TURN; round++) {
            if (!fill()) {
                // Without buffers the rest cannot be read: a queue that is taken away loses it, as on hardware.
                finishDrain();
                return;
            }
            submit();
            if (burst.inFlight() || vring == null || tapEmpty) {
                return;
            }
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

    private void submit() {
        tapEmpty = false;
        submitting = true;
        try {
            burst.submit();
        } finally {
            submitting = false;
        }
    }

    private void runWithoutDriver() {
        finishDrain();
        if (whenDiscarded == null && !tapQueue.present()) {
            events.tapGone();
        }
        while (whenDiscarded != null) {
            for (int slot = 0; slot < SLOTS; slot++) {
                int first = slot * SLOT_IOVECS;
                iovecs.set(first, tapHeaders.address() + (long) slot * TAP_HEADER_STRIDE_BYTES, tapHeaderBytes);
                iovecs.set(first + 1, spill.address() + spillOffset(slot), SPILL_BYTES);
                burst.read(slot, iovecs.addressOf(first), 2);
            }
            submit();
            if (burst.inFlight()) {
                return;
            }
        }
    }

    /** Sets buffers aside for the next burst and adds its reads. False if there are too few, with kicks switched on. */
    private boolean fill() {
        try {
            while (true) {
                if (fillSlots() > 0) {
                    vring.queue().disableKicks();
                    return true;
                }
                // Asked before what was taken goes back, so that only buffers beyond it count as news.
                boolean more = vring.kick() != null && vring.queue().enableKicks();
                buffers.returnUnused();
                if (!more) {
                    break;
                }
            }
            if (vring.kick() == null && !pollScheduled) {
                pollScheduled = true;
                loop.executor().schedule(poll, POLL_INTERVAL_NS, TimeUnit.NANOSECONDS);
            }
            return false;
        } catch (VirtqueueException | InternalError e) {
            fail(e);
            return false;
        }
    }

    private int fillSlots() throws VirtqueueException {
        int slot = 0;
        buffers.begin();
        try {
            while (slot < burstSlots && fillSlot(slot)) {
                slot++;
                if (buffers.chainCount(slot - 1) > 1) {
                    // Most frames leave most of these unused; alone in their burst they go back to the ring in order.
                    break;
                }
            }
        } catch (VirtqueueException | InternalError e) {
            // InternalError: the front-end truncated the file behind its memory.
            if (slot == 0) {
                throw e;
            }
            fillFault = e;
        }
        return slot;
    }

    private boolean fillSlot(int slot) throws VirtqueueException {
        int headerBytes = contract.headerBytes();
        int frameBytes = longFrameMemory > 0 ? contract.largestFrameBytes() : contract.usualFrameBytes();
        // A frame of usual length rather waits in the TAP than is read and dropped for want of buffers.
        long least = (long) headerBytes + contract.usualFrameBytes();
        if (!buffers.reserve(slot, (long) headerBytes + frameBytes, contract.mergeable(), least)) {
            return false;
        }
        if (buffers.capacityBytes(slot) < headerBytes) {
            throw new VirtqueueException(VirtqueueException.Reason.TOO_SHORT, buffers.capacityBytes(slot));
        }
        int first = slot * SLOT_IOVECS;
        iovecs.set(first, tapHeaders.address() + (long) slot * TAP_HEADER_STRIDE_BYTES, tapHeaderBytes);
        int next = buffers.fillIovecs(slot, headerBytes, iovecs, first + 1);
        iovecs.set(next++, spill.address() + spillOffset(slot), SPILL_BYTES);
        burst.read(slot, iovecs.addressOf(first), next - first);
        return true;
    }

    private long spillOffset(int slot) {
        return sharedSpill ? 0 : (long) slot * SPILL_BYTES;
    }

    @Override
    public void completed(int slot, int result) {
        if (result < 0) {
            readFailed(result);
            return;
        }
        if (vring == null) {
            counters.add(RX_STALE, 1);
            return;
        }
        completedReads++;
        if (deliveryFault != null) {
            return;
        }
        try {
            deliver(slot, result - tapHeaderBytes);
        } catch (VirtqueueException | RuntimeException | InternalError e) {
            deliveryFault = e;
        }
    }

    private void readFailed(int result) {
        tapEmpty = true;
        if (result == -Errno.EAGAIN) {
            return;
        }
        if (result == -Errno.EBADFD) {
            events.tapGone();
            return;
        }
        counters.add(RX_ERRORS, 1);
        if (result == -Errno.EFAULT) {
            deliveryFault = new NativeException("readv", Errno.EFAULT, "cannot write to the driver's buffers");
        } else if (!pollScheduled) {
            // A frame may still wait, and no edge will tell of it.
            pollScheduled = true;
            loop.executor().schedule(poll, RETRY_INTERVAL_NS, TimeUnit.NANOSECONDS);
        }
    }

    private void deliver(int slot, int frameBytes) throws VirtqueueException {
        long tapHeader = (long) slot * TAP_HEADER_STRIDE_BYTES;
        if (frameBytes < 0 || !acceptable(tapHeader)) {
            counters.add(RX_STALE, 1);
            return;
        }
        int headerBytes = contract.headerBytes();
        longFrameMemory = frameBytes > contract.usualFrameBytes() + VLAN_TAGS_BYTES
                ? LONG_FRAME_MEMORY_PACKETS
                : Math.max(0, longFrameMemory - 1);

        long together = Math.min(frameBytes, buffers.locate(slot, headerBytes));
        MemorySegment frame;
        long frameOffset;
        if (together < frameBytes && together < FILTERED_BYTES) {
            together = gather(slot, frameBytes);
            frame = hashWindow;
            frameOffset = 0;
        } else {
            frame = buffers.segment();
            frameOffset = buffers.offset();
        }
        if (!contract.filter().accepts(frame, frameOffset, together)) {
            counters.add(RX_FILTERED, 1);
            return;
        }
        boolean reportsHash = headerBytes == NetHeader.SIZE_WITH_HASH;
        if (reportsHash) {
            hashSource.hash(tapHeaders, tapHeader, frame, frameOffset, together);
            if (together < frameBytes && !hashSource.settled()) {
                hashSource.hash(tapHeaders, tapHeader, hashWindow, 0, gather(slot, frameBytes));
            }
        }

        long bytes = (long) headerBytes + frameBytes;
        long spilled = bytes - buffers.capacityBytes(slot);
        if (spilled > 0) {
            MemorySegment rest = spill.asSlice(spillOffset(slot), SPILL_BYTES);
            if (!contract.mergeable() || !buffers.extend(rest, spilled)) {
                counters.add(contract.mergeable() ? RX_NO_BUFFERS : RX_TOO_LONG, 1);
                return;
            }
            counters.add(RX_SPILLED, 1);
        }
        int used = buffers.use(slot, bytes, spilled > 0);
        writeHeader(slot, tapHeader, used, reportsHash);
        delivered++;
        deliveredBytes += frameBytes;
        if (reportsHash && hashSource.report() != HashReport.NONE) {
            hashed++;
        }
    }

    /** The TAP's offload fields must be such that this guest takes: others were queued before it said so. */
    private boolean acceptable(long tapHeader) {
        long offloads = contract.guestOffloads();
        int flags = tapHeaders.get(ValueLayout.JAVA_BYTE, tapHeader + NetHeader.FLAGS);
        if ((flags & NetHeader.F_NEEDS_CSUM) != 0 && !NetFeature.GUEST_CSUM.in(offloads)) {
            return false;
        }
        int gso = tapHeaders.get(ValueLayout.JAVA_BYTE, tapHeader + NetHeader.GSO_TYPE) & 0xFF;
        boolean ecn = (gso & NetHeader.GSO_ECN) != 0;
        return switch (gso & ~NetHeader.GSO_ECN) {
            case NetHeader.GSO_NONE -> true;
            case NetHeader.GSO_TCPV4 ->
                NetFeature.GUEST_TSO4.in(offloads) && (!ecn || NetFeature.GUEST_ECN.in(offloads));
            case NetHeader.GSO_TCPV6 ->
                NetFeature.GUEST_TSO6.in(offloads) && (!ecn || NetFeature.GUEST_ECN.in(offloads));
            case NetHeader.GSO_UDP_L4 -> NetFeature.GUEST_USO4.in(offloads) || NetFeature.GUEST_USO6.in(offloads);
            default -> false;
        };
    }

    /** Copies the beginning of a scattered frame to {@link #hashWindow}; returns how much. */
    private long gather(int slot, int frameBytes) {
        long want = Math.min(frameBytes, HASH_REACH_BYTES);
        long done = buffers.copyOut(slot, contract.headerBytes(), hashWindow, want);
        MemorySegment.copy(spill, spillOffset(slot), hashWindow, done, want - done);
        return want;
    }

    private void writeHeader(int slot, long tapHeader, int usedBuffers, boolean reportsHash) {
        int headerBytes = contract.headerBytes();
        MemorySegment.copy(tapHeaders, tapHeader, header, 0, NetHeader.SIZE);
        if (!NetFeature.GUEST_CSUM.in(contract.features())) {
            // VIRTIO 1.3, 5.1.6.4.1: flags are zero then. The TAP's may say that the checksum was verified.
            header.set(ValueLayout.JAVA_BYTE, NetHeader.FLAGS, (byte) 0);
        }
        if (headerBytes > NetHeader.NUM_BUFFERS) {
            header.set(LE16, NetHeader.NUM_BUFFERS, (short) usedBuffers);
        }
        if (reportsHash) {
            header.set(LE32, NetHeader.HASH_VALUE, hashSource.value());
            header.set(LE16, NetHeader.HASH_REPORT, (short) hashSource.report());
            header.set(LE16, NetHeader.PADDING, (short) 0);
        }
        buffers.copyIn(slot, header, headerBytes);
    }

    @Override
    public void burstCompleted() {
        if (vring == null) {
            drainPackets -= SLOTS;
            if (tapEmpty || drainPackets <= 0) {
                finishDiscard();
            }
        } else {
            finishBurst();
        }
        Runnable work = whenIdle;
        whenIdle = null;
        if (work != null) {
            work.run();
        }
        if (!submitting && (whenDiscarded != null || vring != null && !tapEmpty)) {
            run();
        }
    }

    private void finishBurst() {
        Throwable fault = deliveryFault != null ? deliveryFault : fillFault;
        try {
            if (fault == null) {
                buffers.returnUnused();
            }
            if (delivered > 0) {
                if (vring.publish()) {
                    counters.add(RX_CALLS, 1);
                }
                counters.add(RX_PACKETS, delivered);
                counters.add(RX_BYTES, deliveredBytes);
                counters.add(RX_HASHED, hashed);
                counters.add(RX_BURSTS, 1);
            }
        } catch (InternalError e) {
            fault = e;
        }
        burstSlots = tapEmpty ? Math.clamp(delivered + 1, 1, SLOTS) : Math.min(burstSlots * 2, SLOTS);
        delivered = 0;
        deliveredBytes = 0;
        hashed = 0;
        if (fault != null) {
            deliveryFault = null;
            fillFault = null;
            fail(fault);
        } else if (tapEmpty) {
            hashSource.queueEmpty();
            finishDrain();
        } else if (whenDrained != null && (drainPackets -= completedReads) <= 0) {
            finishDrain();
        }
        completedReads = 0;
    }

    private void fail(Throwable cause) {
        Vring broken = vring;
        vring = null;
        burst.discard();
        // A chain whose head was good goes back, so that the driver sees an end of it.
        try {
            buffers.giveBackEmpty();
            broken.publish();
        } catch (InternalError e) {
            cause.addSuppressed(e);
        }
        finishDrain();
        events.driverFault(broken.index(), cause);
    }
}
