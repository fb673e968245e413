// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/** Bind mounts. */
public final class MountCalls {
    private static final long MS_BIND = 4096;
    private static final long MNT_DETACH = 2;

    private MountCalls() {}

    /** Shows a file at another place; returns 0 or a negated errno. */
    public static long bind(Path source, Path target) {
        try (var arena = Arena.ofConfined()) {
            long from = arena.allocateFrom(source.toString()).address();
            long to = arena.allocateFrom(target.toString()).address();
            return Posix.syscall(SystemCallNumbers.of(165, 40), from, to, 0, MS_BIND, 0, 0);
        }
    }

    /** Undoes it. */
    public static long unmount(Path target) {
        try (var arena = Arena.ofConfined()) {
            long at = arena.allocateFrom(target.toString()).address();
            return Posix.syscall(SystemCallNumbers.of(166, 39), at, MNT_DETACH, 0, 0, 0, 0);
        }
    }
}
