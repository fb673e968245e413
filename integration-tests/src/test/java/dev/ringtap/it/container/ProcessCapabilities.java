// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.model.Capability;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/** What a process may do, as this machine's kernel has it: {@code /proc/PID/status}, linux/capability.h. */
final class ProcessCapabilities {
    private static final String EFFECTIVE = "CapEff:";

    private ProcessCapabilities() {}

    /** The effective ones; one that no test here gives is an error. */
    static Set<Capability> effective(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/%d/status".formatted(pid)))) {
            if (line.startsWith(EFFECTIVE)) {
                return capabilities(Long.parseUnsignedLong(
                        line.substring(EFFECTIVE.length()).strip(), 16));
            }
        }
        throw new IOException("process %d has no line %s".formatted(pid, EFFECTIVE));
    }

    private static Set<Capability> capabilities(long mask) throws IOException {
        Set<Capability> capabilities = EnumSet.noneOf(Capability.class);
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((mask >>> bit & 1) != 0) {
                capabilities.add(capability(bit));
            }
        }
        return capabilities;
    }

    private static Capability capability(int bit) throws IOException {
        return switch (bit) {
            case 12 -> Capability.NET_ADMIN;
            case 21 -> Capability.SYS_ADMIN;
            case 38 -> Capability.PERFMON;
            case 39 -> Capability.BPF;
            default -> throw new IOException("nobody gave the process capability " + bit);
        };
    }
}
