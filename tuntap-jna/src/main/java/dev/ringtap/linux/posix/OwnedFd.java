// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import static dev.ringtap.linux.posix.NativeException.check;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Owns one file descriptor: whoever holds this object closes it, once. May be closed from any thread, but a descriptor
 * number that another thread has just fetched is no longer protected, so the owner stops its users first.
 */
public final class OwnedFd implements AutoCloseable {
    private static final int CLOSED = -1;

    private final AtomicInteger number;

    private OwnedFd(int fd) {
        number = new AtomicInteger(fd);
    }

    /**
     * Takes over a descriptor.
     *
     * @throws IllegalArgumentException if {@code fd} is negative, as after an unchecked failure
     */
    public static OwnedFd of(int fd) {
        if (fd < 0) throw new IllegalArgumentException("not a file descriptor: " + fd);
        return new OwnedFd(fd);
    }

    /**
     * The descriptor's number, to be used while this object is open.
     *
     * @throws IllegalStateException after {@link #close} or {@link #release}
     */
    public int number() {
        int fd = number.get();
        if (fd == CLOSED) throw new IllegalStateException("the file descriptor is closed");
        return fd;
    }

    /** Whether this object still owns its descriptor. */
    public boolean isOpen() {
        return number.get() != CLOSED;
    }

    /** A second descriptor, closed on exec, of the same open file. Its owner is the caller. */
    public OwnedFd duplicate() throws NativeException {
        int copy = check(
                Posix.fcntl(number(), Posix.F_DUPFD_CLOEXEC, 0),
                "fcntl F_DUPFD_CLOEXEC",
                "cannot duplicate a file descriptor");
        return of(copy);
    }

    /**
     * Sets whether reads and writes return at once. This belongs to the open file: duplicates, also those of another
     * process, change with it.
     */
    public void setNonBlocking(boolean nonBlocking) throws NativeException {
        String doing = "cannot change whether a file descriptor blocks";
        int flags = check(Posix.fcntl(number(), Posix.F_GETFL, 0), "fcntl F_GETFL", doing);
        int wanted = nonBlocking ? flags | Posix.O_NONBLOCK : flags & ~Posix.O_NONBLOCK;
        if (wanted != flags) check(Posix.fcntl(number(), Posix.F_SETFL, wanted), "fcntl F_SETFL", doing);
    }

    /**
     * Gives the descriptor away: this object no longer owns it, the caller does.
     *
     * @throws IllegalStateException if it was closed or given away before
     */
    public int release() {
        int fd = number.getAndSet(CLOSED);
        if (fd == CLOSED) throw new IllegalStateException("the file descriptor is closed");
        return fd;
    }

    /** Closes the descriptor; nothing happens the second time. */
    @Override
    public void close() {
        int fd = number.getAndSet(CLOSED);
        // What close(2) may still report (a late write error of a disk file) does not concern what we open.
        if (fd != CLOSED) Posix.close(fd);
    }

    @Override
    public String toString() {
        int fd = number.get();
        return fd == CLOSED ? "fd closed" : "fd " + fd;
    }
}
