// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The descriptor that interrupts a driver: an eventfd from most front-ends, a socket or pipe from User-Mode Linux, where
 * eight bytes written mean the same.
 *
 * <p>Owns the descriptor. A front-end that does not read must not stop the loop. An eventfd that does not block is written
 * straight away; any other descriptor is asked first whether it takes more, and one that does not has an interrupt pending
 * anyway. (Another holder of the descriptor can still fill it in between, or make it block; that hangs its own device.)
 */
public final class CallSignal implements AutoCloseable {
    private static final MemorySegment ONE = Arena.global().allocate(ValueLayout.JAVA_LONG);

    static {
        ONE.set(ValueLayout.JAVA_LONG, 0, 1L);
    }

    private static final String EVENTFD = "anon_inode:[eventfd]";

    private final OwnedFd fd;
    private final boolean neverBlocks;

    /**
     * Takes ownership of {@code fd}.
     *
     * @throws IllegalArgumentException if it is neither an eventfd nor a socket nor a pipe; it is closed then
     */
    public CallSignal(OwnedFd fd) {
        this.fd = fd;
        String kind = kindOf(fd);
        if (!kind.equals(EVENTFD) && !kind.startsWith("socket:") && !kind.startsWith("pipe:")) {
            fd.close();
            throw new IllegalArgumentException("a call descriptor is an eventfd, a socket or a pipe, this is " + kind);
        }
        neverBlocks = kind.equals(EVENTFD) && Posix.isNonBlocking(fd.number());
    }

    /** Whether a descriptor is an eventfd. */
    public static boolean isEventFd(OwnedFd fd) {
        return kindOf(fd).equals(EVENTFD);
    }

    private static String kindOf(OwnedFd fd) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.number()))
                    .toString();
        } catch (IOException e) {
            return "unknown: " + e.getMessage();
        }
    }

    /** Interrupts. A driver that has gone is no fault of this side: its connection ends by itself. */
    public void signal() {
        if (neverBlocks || Posix.writable(fd.number())) {
            Posix.write(fd.number(), ONE.address(), Long.BYTES);
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
