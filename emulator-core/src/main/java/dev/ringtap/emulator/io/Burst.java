// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

/**
 * A bounded set of reads and writes of one TAP queue that start together and whose completions are told one by one: the seam between the
 * datapath and the way the kernel is asked. A system call per packet (epoll) and one per burst (io_uring) look the same
 * from above.
 *
 * <p>Owner loop's thread only. One burst of a {@code Burst} is under way at a time: between {@link #submit()} and
 * {@link BurstListener#burstCompleted()} nothing may be added. What the iovecs point to must stay valid until then.
 */
public interface Burst extends AutoCloseable {

    /**
     * Adds {@code readv(iovecs, count)}.
     *
     * @param slot index in {@code [0, slots)}, each used once a burst
     * @param iovecs address of {@code count} entries of {@code struct iovec}
     */
    void read(int slot, long iovecs, int count);

    /** Adds {@code writev(iovecs, count)}; parameters as in {@link #read}. */
    void write(int slot, long iovecs, int count);

    /**
     * Starts everything added. Completions come in the order of the additions, either before this returns (then
     * {@link #inFlight()} is false afterwards) or later on the same thread.
     *
     * <p>After one operation of a burst answered {@code -EAGAIN}, an engine may answer the same for the rest of the
     * burst's operations without asking again.
     */
    void submit();

    /** Forgets what was added and not submitted. */
    void discard();

    /** True between {@link #submit()} and the last completion. */
    boolean inFlight();

    /** Releases the engine's side. Not while {@link #inFlight()}. */
    @Override
    void close();
}
