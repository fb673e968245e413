// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import dev.ringtap.linux.posix.Errno;

/** A burst whose operations are done one by one while it is submitted. */
public final class SynchronousBurst implements Burst {

    /** How one operation is done. Answers bytes transferred, or a negated errno; never waits. */
    public interface Transfers {
        /** Reads one frame into {@code count} entries of {@code struct iovec}. */
        int read(long iovecs, int count);

        /** Writes one frame out of {@code count} entries of {@code struct iovec}. */
        int write(long iovecs, int count);
    }

    private final BurstListener listener;
    private final Transfers transfers;
    private final boolean[] reads;
    private final int[] slots;
    private final long[] iovecs;
    private final int[] counts;
    private int size;
    private boolean inFlight;

    /** @param capacity the most operations a burst has */
    public SynchronousBurst(int capacity, BurstListener listener, Transfers transfers) {
        this.listener = listener;
        this.transfers = transfers;
        reads = new boolean[capacity];
        slots = new int[capacity];
        iovecs = new long[capacity];
        counts = new int[capacity];
    }

    @Override
    public void read(int slot, long address, int count) {
        add(true, slot, address, count);
    }

    @Override
    public void write(int slot, long address, int count) {
        add(false, slot, address, count);
    }

    private void add(boolean read, int slot, long address, int count) {
        reads[size] = read;
        slots[size] = slot;
        iovecs[size] = address;
        counts[size] = count;
        size++;
    }

    @Override
    public void submit() {
        int operations = size;
        size = 0;
        inFlight = true;
        try {
            run(operations);
        } finally {
            inFlight = false;
        }
        listener.burstCompleted();
    }

    private void run(int operations) {
        boolean again = false;
        for (int i = 0; i < operations; i++) {
            int result = -Errno.EAGAIN;
            if (!again) {
                result = reads[i] ? transfers.read(iovecs[i], counts[i]) : transfers.write(iovecs[i], counts[i]);
                again = result == -Errno.EAGAIN;
            }
            listener.completed(slots[i], result);
        }
    }

    @Override
    public void discard() {
        size = 0;
    }

    @Override
    public boolean inFlight() {
        return inFlight;
    }

    @Override
    public void close() {
        // Nothing outside the heap.
    }
}
