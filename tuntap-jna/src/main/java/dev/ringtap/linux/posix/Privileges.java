// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The effective capabilities of a thread, linux/capability.h. They are necessary, not sufficient: a container may hold
 * a capability and still lack the device, or be kept from a call by seccomp.
 */
public final class Privileges {
    /** Configure interfaces, create TAPs. */
    public static final int CAP_NET_ADMIN = 12;
    /** Open raw and packet sockets. */
    public static final int CAP_NET_RAW = 13;
    /** Make and enter namespaces. */
    public static final int CAP_SYS_ADMIN = 21;
    /** Load BPF programs, since Linux 5.8. */
    public static final int CAP_BPF = 39;

    private static final Path STATUS = Path.of("/proc/thread-self/status");

    private final long effective;

    private Privileges(long effective) {
        this.effective = effective;
    }

    /** Those of the calling thread, now. */
    public static Privileges current() throws IOException {
        for (var line : Files.readAllLines(STATUS)) {
            if (line.startsWith("CapEff:"))
                return new Privileges(Long.parseUnsignedLong(line.substring(7).strip(), 16));
        }
        throw new IOException("cannot tell the capabilities of this process: " + STATUS + " has no line CapEff");
    }

    /** Whether a capability, by its number, is effective. */
    public boolean has(int capability) {
        return (effective >>> capability & 1) != 0;
    }

    /** Whether BPF programs may be loaded: by CAP_BPF, or by CAP_SYS_ADMIN which includes it. */
    public boolean mayLoadBpf() {
        return has(CAP_BPF) || has(CAP_SYS_ADMIN);
    }

    /** Name of one of the capabilities above, else its number. */
    public static String name(int capability) {
        return switch (capability) {
            case CAP_NET_ADMIN -> "CAP_NET_ADMIN";
            case CAP_NET_RAW -> "CAP_NET_RAW";
            case CAP_SYS_ADMIN -> "CAP_SYS_ADMIN";
            case CAP_BPF -> "CAP_BPF";
            default -> "capability " + capability;
        };
    }

    @Override
    public String toString() {
        return "CapEff " + Long.toHexString(effective);
    }
}
