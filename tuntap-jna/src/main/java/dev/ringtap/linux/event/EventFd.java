// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.event;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/**
 * A non-blocking event counter, {@code eventfd(2)}, or a pipe that stands in for one: User-Mode Linux passes pipes as
 * call descriptors. Signalling and draining allocate nothing.
 *
 * <p>Any thread may signal; one thread at a time drains.
 */
public final class EventFd implements AutoCloseable {
    private static final int EFD_NONBLOCK = 0x800;
    private static final int EFD_CLOEXEC = 0x80000;

    // An eventfd always transfers 8 bytes. A pipe may hold one 8-byte word a signal: take several at once.
    private static final int WORD_BYTES = 8;
    private static final int DRAIN_BYTES = 512;

    private final OwnedFd fd;
    private final MemorySegment one;
    private final MemorySegment drained;

    private EventFd(OwnedFd fd) {
        this.fd = fd;
        // Left to the garbage collector: closing a shared arena stops every thread for a moment, and a thread that
        // still signals while the descriptor is being closed must not find its memory gone.
        var memory = Arena.ofAuto().allocate(WORD_BYTES + DRAIN_BYTES, WORD_BYTES);
        one = memory.asSlice(0, WORD_BYTES);
        drained = memory.asSlice(WORD_BYTES, DRAIN_BYTES);
        one.set(ValueLayout.JAVA_LONG, 0, 1);
    }

    /** A new counter at 0, closed on exec. */
    public static EventFd create() throws NativeException {
        int number = check(Posix.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd", "cannot create an event counter");
        return new EventFd(OwnedFd.of(number));
    }

    /**
     * Takes over an eventfd or the end of a pipe that somebody else made. It is made non-blocking, so that a peer
     * that lets it fill up cannot stop the caller. If this fails, the descriptor stays the caller's.
     */
    public static EventFd adopt(OwnedFd fd) throws NativeException {
        fd.setNonBlocking(true);
        return new EventFd(fd);
    }

    /** The descriptor, to poll on; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    /**
     * Adds 1. A counter at its limit, or a full pipe, counts as signalled: its reader has something to read.
     *
     * @throws NativeException for example EPIPE, if the reader of a pipe is gone
     */
    public void signal() throws NativeException {
        long result = Posix.write(fd.number(), one.address(), WORD_BYTES);
        // The memory is the collector's, and the call knows only its address.
        Reference.reachabilityFence(this);
        if (result < 0 && result != -Errno.EAGAIN)
            throw new NativeException("write", (int) -result, "cannot signal an event counter");
    }

    /**
     * Takes what was signalled and sets the counter to 0.
     *
     * @return the number of signals, 0 if there were none, or a negated errno: {@code -EPIPE} if this is a pipe whose
     *     writer is gone. After a negative answer the descriptor stays readable for ever: stop polling it.
     */
    public long drain() {
        long bytes = Posix.read(fd.number(), drained.address(), DRAIN_BYTES);
        Reference.reachabilityFence(this);
        if (bytes == WORD_BYTES) {
            // 2^63 signals and more would read as negative; they are many all the same.
            long count = drained.get(ValueLayout.JAVA_LONG, 0);
            return count > 0 ? count : Long.MAX_VALUE;
        }
        if (bytes == -Errno.EAGAIN) return 0;
        if (bytes == 0) return -Errno.EPIPE;
        return bytes < 0 ? bytes : (bytes + WORD_BYTES - 1) / WORD_BYTES;
    }

    @Override
    public void close() {
        fd.close();
    }

    @Override
    public String toString() {
        return "event " + fd;
    }
}
