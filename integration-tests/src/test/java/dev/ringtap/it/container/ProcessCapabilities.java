// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** What a process may do, as this machine's kernel has it: {@code /proc/PID/status}, linux/capability.h. */
final class ProcessCapabilities {
    private static final String EFFECTIVE = "CapEff:";

    private ProcessCapabilities() {}

    /** The effective ones by name without {@code CAP_}, or by number where no test here asks for them. */
    static Set<String> effective(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/%d/status".formatted(pid)))) {
            if (line.startsWith(EFFECTIVE)) {
                return names(Long.parseUnsignedLong(
                        line.substring(EFFECTIVE.length()).strip(), 16));
            }
        }
        throw new IOException("process %d has no line %s".formatted(pid, EFFECTIVE));
    }

    private static Set<String> names(long mask) {
        Set<String> names = new TreeSet<>();
        for (int capability = 0; capability < Long.SIZE; capability++) {
            if ((mask >>> capability & 1) != 0) {
                names.add(name(capability));
            }
        }
        return names;
    }

    private static String name(int capability) {
        return switch (capability) {
            case 12 -> "NET_ADMIN";
            case 21 -> "SYS_ADMIN";
            case 38 -> "PERFMON";
            case 39 -> "BPF";
            default -> Integer.toString(capability);
        };
    }
}
