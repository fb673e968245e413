// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;

/**
 * The limit of locked memory (RLIMIT_MEMLOCK). Before Linux 5.11 maps and programs count as locked memory, and the
 * usual limit of 64 KiB is too small for two configurations; later kernels charge the control group instead.
 */
final class LockedMemory {
    private static final int RLIMIT_MEMLOCK = 8;
    private static final long INFINITY = -1;

    private LockedMemory() {}

    /** Lifts the limit where it matters. @return whether another attempt makes sense */
    static boolean raiseLimit() {
        if (!counts(System.getProperty("os.version"))) return false;
        long prlimit = System.getProperty("os.arch").equals("amd64") ? 302 : 261;
        try (var arena = Arena.ofConfined()) {
            var limit = arena.allocate(16, 8);
            limit.set(JAVA_LONG, 0, INFINITY);
            limit.set(JAVA_LONG, 8, INFINITY);
            return Posix.syscall(prlimit, 0, RLIMIT_MEMLOCK, limit.address(), 0, 0, 0) == 0;
        }
    }

    /** @param release of the kernel, for example {@code 5.10.0-28-amd64} */
    static boolean counts(String release) {
        var parts = release.split("[^0-9]", 3);
        try {
            int major = Integer.parseInt(parts[0]);
            return major < 5 || major == 5 && Integer.parseInt(parts[1]) < 11;
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            return false; // no release that was ever in use looks so
        }
    }
}
