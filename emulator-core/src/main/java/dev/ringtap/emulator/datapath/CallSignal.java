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
 * <p>Owns the descriptor. A front-end that does not read its pipe must not stop the loop, so that kind is asked first
 * whether it takes more; a full one has an interrupt pending anyway.
 */
public final class CallSignal implements AutoCloseable {
    private static final MemorySegment ONE = Arena.global().allocate(ValueLayout.JAVA_LONG);

    static {
        ONE.set(ValueLayout.JAVA_LONG, 0, 1L);
    }

    private final OwnedFd fd;
    private final boolean eventFd;

    /** Takes ownership of {@code fd}. */
    public CallSignal(OwnedFd fd) {
        this.fd = fd;
        this.eventFd = isEventFd(fd);
    }

    /** Whether a descriptor is an eventfd. */
    public static boolean isEventFd(OwnedFd fd) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.number()))
                    .toString()
                    .equals("anon_inode:[eventfd]");
        } catch (IOException e) {
            return false;
        }
    }

    /** Interrupts. A driver that has gone is no fault of this side: its connection ends by itself. */
    public void signal() {
        if (eventFd || Posix.writable(fd.number())) {
            Posix.write(fd.number(), ONE.address(), Long.BYTES);
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
