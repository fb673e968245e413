// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import dev.ringtap.emulator.datapath.CallSignal;
import dev.ringtap.emulator.datapath.Vring;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.virtio.memory.GuestMemory;
import dev.ringtap.virtio.memory.GuestMemoryException;
import dev.ringtap.virtio.queue.SplitVirtqueue;

/** What the front-end has said of one virtqueue. Control loop only. */
final class VringSetup implements AutoCloseable {
    static final int LARGEST_SIZE = 32_768;

    private final int index;
    private int size;
    private long descriptors;
    private long available;
    private long used;
    private boolean addressed;
    private int base;
    private boolean kicked;
    private OwnedFd kick;
    private CallSignal call;
    private OwnedFd err;
    private boolean enabled;
    private boolean running;
    private boolean broken;

    VringSetup(int index) {
        this.index = index;
    }

    int index() {
        return index;
    }

    void size(int entries) throws PeerException {
        if (running) {
            throw new PeerException("virtqueue %d is running: its size cannot change".formatted(index));
        }
        if (entries < 1 || entries > LARGEST_SIZE || Integer.bitCount(entries) != 1) {
            throw new PeerException("virtqueue %d of %s entries: a split ring has a power of two up to %d"
                    .formatted(index, Integer.toUnsignedString(entries), LARGEST_SIZE));
        }
        size = entries;
    }

    void addresses(long descriptorTable, long usedRing, long availableRing) {
        descriptors = descriptorTable;
        used = usedRing;
        available = availableRing;
        addressed = true;
    }

    void base(int next) throws PeerException {
        if (running) {
            throw new PeerException("virtqueue %d is running: its base cannot change".formatted(index));
        }
        if (next < 0 || next > 0xFFFF) {
            throw new PeerException("virtqueue %d starts at %s: a split ring's index has 16 bits"
                    .formatted(index, Integer.toUnsignedString(next)));
        }
        base = next;
    }

    int base() {
        return base;
    }

    /** The ring stopped; {@code next} is the index to go on from, negative if something else had stopped it before. */
    void stoppedAt(int next) {
        if (next >= 0) {
            base = next;
        }
        running = false;
    }

    /** A kick descriptor starts the ring; {@code null} asks for polling. Closes the one before. */
    void kick(OwnedFd fd) throws PeerException {
        if (fd != null && !CallSignal.isEventFd(fd)) {
            fd.close();
            throw new PeerException("the kick descriptor of virtqueue %d is not an eventfd".formatted(index));
        }
        if (kick != null) {
            kick.close();
        }
        kick = fd;
        kicked = true;
        broken = false;
    }

    CallSignal call() {
        return call;
    }

    /** Replaces the call descriptor and returns the one before, for closing once the ring uses it no more. */
    CallSignal call(OwnedFd fd) {
        CallSignal before = call;
        call = fd == null ? null : new CallSignal(fd);
        return before;
    }

    void err(OwnedFd fd) {
        if (err != null) {
            err.close();
        }
        err = fd;
    }

    void enable(boolean on) {
        enabled = on;
    }

    boolean enabled() {
        return enabled;
    }

    boolean running() {
        return running;
    }

    /** Not to be started again until the front-end says so; the err eventfd is signalled. */
    void markBroken() {
        broken = true;
        if (err != null) {
            try (CallSignal signal = new CallSignal(err)) {
                signal.signal();
            }
            err = null;
        }
    }

    /** GET_VRING_BASE: the ring is stopped and its kick descriptor forgotten. */
    void unkick() {
        kicked = false;
        if (kick != null) {
            kick.close();
            kick = null;
        }
    }

    boolean ready(boolean needsEnable) {
        return kicked && addressed && size > 0 && !broken && !running && (enabled || !needsEnable);
    }

    /** Builds the ring over the memory table and marks it running. */
    Vring start(GuestMemory memory, long features) throws PeerException {
        try {
            SplitVirtqueue queue = new SplitVirtqueue(
                    memory,
                    size,
                    memory.sliceUser(descriptors, 16L * size),
                    memory.sliceUser(available, 6 + 2L * size),
                    memory.sliceUser(used, 6 + 8L * size),
                    features,
                    base);
            running = true;
            return new Vring(index, queue, kick, call);
        } catch (GuestMemoryException | IllegalArgumentException e) {
            throw new PeerException("virtqueue %d cannot start: %s".formatted(index, e.getMessage()));
        }
    }

    @Override
    public void close() {
        unkick();
        err(null);
        CallSignal last = call(null);
        if (last != null) {
            last.close();
        }
    }
}
