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
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.NetFeature;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.queue.DescriptorChain;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

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
    /** What a path that has no vring answers to "stop" in place of an index. */
    static final int NOT_RUNNING = -1;

    private static final int SLOTS = 32;
    private static final int CHAINS = 1024;
    private static final int SLOT_PIECES = 262;
    private static final int SLOT_IOVECS = SLOT_PIECES + 2;
    private static final int TAP_HEADER_BYTES = NetHeader.SIZE;
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
    private final int tapFd;
    private final HashSource hashSource;
    private final PairCounters counters;
    private final PairEvents events;
    private final BooleanSupplier tapPresent;
    private final Burst burst;
    private final Runnable turn = this::turn;
    private final Runnable poll = this::poll;

    private final IovecArray iovecs = new IovecArray(SLOTS * SLOT_IOVECS);
    private final MemorySegment tapHeaders;
    private final MemorySegment spill;
    private final boolean sharedSpill;
    private final MemorySegment header;
    private final MemorySegment hashWindow;
    private final DescriptorChain chain = new DescriptorChain(SLOT_PIECES);

    // The burst under way. Chains in the order they were taken; a slot's chains and pieces are consecutive.
    private final int[] chainHead = new int[CHAINS];
    private final long[] chainBytes = new long[CHAINS];
    private final boolean[] chainUsed = new boolean[CHAINS];
    private int chains;
    private int spareChains;
    private final int[] slotFirstChain = new int[SLOTS + 1];
    private final int[] slotChains = new int[SLOTS];
    private final long[] slotCapacity = new long[SLOTS];
    private final int[] slotPieces = new int[SLOTS];
    private final MemorySegment[] pieceSegment = new MemorySegment[SLOTS * SLOT_PIECES];
    private final long[] pieceOffset = new long[SLOTS * SLOT_PIECES];
    private final int[] pieceBytes = new int[SLOTS * SLOT_PIECES];

    // Heads taken in an earlier burst and not used by it, with used heads after them in ring order.
    private final int[] spareHeads = new int[CHAINS];
    private int spares;

    private Vring vring;
    private DriverContract contract;
    private boolean tapEmpty;
    private boolean turnScheduled;
    private boolean pollScheduled;
    private boolean submitting;
    private boolean discarding;
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
    private int drainPackets;

    ReceivePath(
            IoLoop loop,
            Arena arena,
            int tapFd,
            HashSource hashSource,
            PairCounters counters,
            PairEvents events,
            BooleanSupplier tapPresent) {
        this.tapPresent = tapPresent;
        this.loop = loop;
        this.tapFd = tapFd;
        this.hashSource = hashSource;
        this.counters = counters;
        this.events = events;
        burst = loop.newBurst(SLOTS, this);
        tapHeaders = arena.allocate((long) SLOTS * TAP_HEADER_BYTES, 8);
        sharedSpill = loop.completesInSubmit();
        spill = arena.allocate((long) SPILL_BYTES * (sharedSpill ? 1 : SLOTS), 8);
        header = arena.allocate(NetHeader.SIZE_WITH_HASH, 8);
        hashWindow = arena.allocate(HASH_REACH_BYTES, 8);
    }

    void contract(DriverContract next) {
        contract = next;
    }

    void start(Vring started) {
        discarding = false;
        afterBurst(() -> {
            vring = started;
            spares = 0;
            burstSlots = 1;
            vring.queue().disableKicks();
            run();
        });
    }

    Vring vring() {
        return vring;
    }

    /** Throws away what waits in the TAP queue: it was sent before there was a driver. */
    void discardBacklog() {
        if (vring != null || burst.inFlight()) {
            return;
        }
        discarding = true;
        drainPackets = TAP_QUEUE_PACKETS;
        run();
    }

    /**
     * Stops after the burst under way and gives the driver back every buffer it left here.
     *
     * @param done gets the next available index, on this thread
     */
    void stop(IntConsumer done) {
        discarding = false;
        afterBurst(() -> {
            if (vring == null) {
                done.accept(NOT_RUNNING);
                return;
            }
            Vring stopped = vring;
            vring = null;
            try {
                returnSpares(stopped);
            } catch (InternalError e) {
                // The memory is gone, and with it whoever would have taken the buffers back.
                spares = 0;
            }
            done.accept(stopped.queue().nextAvailable());
        });
    }

    private void returnSpares(Vring to) {
        for (int i = 0; i < spares; i++) {
            to.queue().addUsed(spareHeads[i], 0);
        }
        if (spares > 0) {
            spares = 0;
            to.publish();
        }
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
        if (!discarding && !tapPresent.getAsBoolean()) {
            events.tapGone();
        }
        while (discarding) {
            iovecs.set(0, tapHeaders.address(), TAP_HEADER_BYTES);
            iovecs.set(1, spill.address(), SPILL_BYTES);
            slotChains[0] = 0;
            chains = 0;
            burst.read(0, tapFd, iovecs.address(), 2);
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
                returnUnused();
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
        chains = 0;
        spareChains = 0;
        try {
            while (slot < burstSlots && fillSlot(slot)) {
                slot++;
                if (slotChains[slot - 1] > 1) {
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
        long wanted = (long) headerBytes + frameBytes;
        int firstChain = chains;
        int iovec = slot * SLOT_IOVECS;
        iovecs.set(iovec++, tapHeaders.address() + (long) slot * TAP_HEADER_BYTES, TAP_HEADER_BYTES);
        int firstPiece = slot * SLOT_PIECES;
        int pieces = 0;
        long capacity = 0;
        int skip = headerBytes;
        slotFirstChain[slot] = firstChain;
        boolean ringEmpty = false;
        while (capacity < wanted && chains < CHAINS) {
            if (!take()) {
                ringEmpty = true;
                break;
            }
            if (pieces + chain.pieces() > SLOT_PIECES) {
                // Set aside for the next slot or burst.
                putBack();
                break;
            }
            for (int i = 0; i < chain.pieces(); i++) {
                int bytes = chain.length(i);
                pieceSegment[firstPiece + pieces] = chain.segment(i);
                pieceOffset[firstPiece + pieces] = chain.offset(i);
                pieceBytes[firstPiece + pieces] = bytes;
                pieces++;
                if (bytes > skip) {
                    iovecs.set(iovec++, chain.nativeAddress(i) + skip, bytes - skip);
                    skip = 0;
                } else {
                    skip -= bytes;
                }
            }
            capacity += chain.writableBytes();
            if (!contract.mergeable()) {
                break;
            }
        }
        int taken = chains - firstChain;
        if (taken == 0 || ringEmpty && isShort(capacity, taken)) {
            return false;
        }
        if (skip > 0) {
            throw new VirtqueueException(VirtqueueException.Reason.TOO_SHORT, capacity);
        }
        slotChains[slot] = taken;
        slotPieces[slot] = pieces;
        slotCapacity[slot] = capacity;
        iovecs.set(iovec++, spillOf(slot).address(), SPILL_BYTES);
        burst.read(slot, tapFd, iovecs.addressOf(slot * SLOT_IOVECS), iovec - slot * SLOT_IOVECS);
        return true;
    }

    /**
     * Whether a frame of usual length waits in the TAP until the driver adds buffers, rather than being read and dropped.
     * Not if the driver has none to add: then its whole ring is shorter than a frame.
     */
    private boolean isShort(long capacity, int taken) {
        return contract.mergeable()
                && capacity < contract.headerBytes() + contract.usualFrameBytes()
                && taken < vring.queue().size();
    }

    private MemorySegment spillOf(int slot) {
        return sharedSpill ? spill : spill.asSlice((long) slot * SPILL_BYTES, SPILL_BYTES);
    }

    /** Takes the next buffer chain into {@link #chain} and at the end of the burst's chains. */
    private boolean take() throws VirtqueueException {
        SplitVirtqueue queue = vring.queue();
        int head;
        if (spares > 0) {
            head = spareHeads[0];
            System.arraycopy(spareHeads, 1, spareHeads, 0, --spares);
            spareChains++;
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
        if (chains < spareChains) {
            spareChains--;
            System.arraycopy(spareHeads, 0, spareHeads, 1, spares++);
            spareHeads[0] = chainHead[chains];
        } else {
            vring.queue().unpoll(1);
        }
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
            deliver(slot, result - TAP_HEADER_BYTES);
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
        long tapHeader = (long) slot * TAP_HEADER_BYTES;
        if (frameBytes < 0 || !acceptable(tapHeader)) {
            counters.add(RX_STALE, 1);
            return;
        }
        int headerBytes = contract.headerBytes();
        long spilled = headerBytes + frameBytes - slotCapacity[slot];
        longFrameMemory =
                frameBytes > contract.usualFrameBytes() ? LONG_FRAME_MEMORY_PACKETS : Math.max(0, longFrameMemory - 1);

        // Where the frame begins: the first byte after the header, in whichever piece it lies.
        int piece = slot * SLOT_PIECES;
        int afterLastPiece = piece + slotPieces[slot];
        long skip = headerBytes;
        while (piece < afterLastPiece && skip >= pieceBytes[piece]) {
            skip -= pieceBytes[piece++];
        }
        long contiguous = piece == afterLastPiece ? 0 : Math.min(frameBytes, pieceBytes[piece] - skip);
        MemorySegment frame;
        long frameOffset;
        if (contiguous < frameBytes && contiguous < FILTERED_BYTES) {
            contiguous = gather(slot, frameBytes);
            frame = hashWindow;
            frameOffset = 0;
        } else {
            frame = pieceSegment[piece];
            frameOffset = pieceOffset[piece] + skip;
        }
        if (!contract.filter().accepts(frame, frameOffset, contiguous)) {
            counters.add(RX_FILTERED, 1);
            return;
        }
        boolean reportsHash = headerBytes == NetHeader.SIZE_WITH_HASH;
        if (reportsHash) {
            hashSource.hash(frame, frameOffset, contiguous);
            if (contiguous < frameBytes && !hashSource.settled()) {
                hashSource.hash(hashWindow, 0, gather(slot, frameBytes));
            }
        }

        int used = slotChains[slot];
        int lastChain = slotFirstChain[slot] + used;
        int extraFirst = chains;
        if (spilled > 0) {
            int extra = contract.mergeable() ? takeForSpill(slot, spilled) : 0;
            if (extra == 0) {
                counters.add(contract.mergeable() ? RX_NO_BUFFERS : RX_TOO_LONG, 1);
                return;
            }
            used += extra;
            counters.add(RX_SPILLED, 1);
        }
        long left = (long) headerBytes + frameBytes;
        int buffers = 0;
        for (int i = slotFirstChain[slot]; i < lastChain && left > 0; i++, buffers++) {
            left -= use(i, left);
        }
        for (int i = extraFirst; i < chains && left > 0; i++, buffers++) {
            left -= use(i, left);
        }
        writeHeader(slot, tapHeader, buffers, reportsHash);
        delivered++;
        deliveredBytes += frameBytes;
        if (reportsHash && hashSource.report() != 0) {
            hashed++;
        }
    }

    private long use(int chainIndex, long left) {
        long bytes = Math.min(left, chainBytes[chainIndex]);
        chainUsed[chainIndex] = true;
        vring.queue().addUsed(chainHead[chainIndex], (int) bytes);
        return bytes;
    }

    /** Copies what did not fit into further buffers. Returns how many it took, 0 if there were too few. */
    private int takeForSpill(int slot, long spilled) throws VirtqueueException {
        MemorySegment from = spillOf(slot);
        long copied = 0;
        int first = chains;
        while (copied < spilled) {
            if (chains == CHAINS || !take()) {
                return 0;
            }
            int bytes = (int) Math.min(spilled - copied, chain.writableBytes());
            chain.copyIn(0, from, (int) copied, bytes);
            copied += bytes;
        }
        return chains - first;
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
        long done = 0;
        long skip = contract.headerBytes();
        int first = slot * SLOT_PIECES;
        for (int i = first; i < first + slotPieces[slot] && done < want; i++) {
            if (skip >= pieceBytes[i]) {
                skip -= pieceBytes[i];
                continue;
            }
            long bytes = Math.min(want - done, pieceBytes[i] - skip);
            MemorySegment.copy(pieceSegment[i], pieceOffset[i] + skip, hashWindow, done, bytes);
            done += bytes;
            skip = 0;
        }
        if (done < want) {
            MemorySegment.copy(spillOf(slot), 0, hashWindow, done, want - done);
        }
        return want;
    }

    private void writeHeader(int slot, long tapHeader, int buffers, boolean reportsHash) {
        int headerBytes = contract.headerBytes();
        MemorySegment.copy(tapHeaders, tapHeader, header, 0, TAP_HEADER_BYTES);
        if (!NetFeature.GUEST_CSUM.in(contract.features())) {
            // VIRTIO 1.3, 5.1.6.4.1: flags are zero then. The TAP's may say that the checksum was verified.
            header.set(ValueLayout.JAVA_BYTE, NetHeader.FLAGS, (byte) 0);
        }
        if (headerBytes > NetHeader.NUM_BUFFERS) {
            header.set(LE16, NetHeader.NUM_BUFFERS, (short) buffers);
        }
        if (reportsHash) {
            header.set(LE32, NetHeader.HASH_VALUE, hashSource.value());
            header.set(LE16, NetHeader.HASH_REPORT, (short) hashSource.report());
            header.set(LE16, NetHeader.PADDING, (short) 0);
        }
        int left = headerBytes;
        for (int i = slot * SLOT_PIECES; left > 0; i++) {
            int bytes = Math.min(left, pieceBytes[i]);
            MemorySegment.copy(header, headerBytes - left, pieceSegment[i], pieceOffset[i], bytes);
            left -= bytes;
        }
    }

    @Override
    public void burstCompleted() {
        if (vring == null) {
            discarding &= !tapEmpty && --drainPackets > 0;
        } else {
            finishBurst();
        }
        Runnable work = whenIdle;
        whenIdle = null;
        if (work != null) {
            work.run();
        }
        if (!submitting && (discarding || !tapEmpty)) {
            run();
        }
    }

    private void finishBurst() {
        Throwable fault = deliveryFault != null ? deliveryFault : fillFault;
        try {
            if (fault == null) {
                returnUnused();
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

    /** Chains that no packet used: the newest go back to the ring, any before a used one wait as spares. */
    private void returnUnused() {
        int keep = chains;
        while (keep > spareChains && !chainUsed[keep - 1]) {
            keep--;
        }
        if (keep < chains) {
            vring.queue().unpoll(chains - keep);
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
        chains = 0;
        spareChains = 0;
    }

    private void fail(Throwable cause) {
        Vring broken = vring;
        vring = null;
        burst.discard();
        // A chain whose head was good goes back, so that the driver sees an end of it.
        try {
            for (int i = 0; i < chains; i++) {
                if (!chainUsed[i]) {
                    broken.queue().addUsed(chainHead[i], 0);
                }
            }
            broken.publish();
        } catch (InternalError e) {
            cause.addSuppressed(e);
        }
        chains = 0;
        spareChains = 0;
        spares = 0;
        finishDrain();
        events.driverFault(broken.index(), cause);
    }
}
