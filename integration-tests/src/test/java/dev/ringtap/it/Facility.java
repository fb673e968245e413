// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import dev.ringtap.it.uml.UmlGuest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Something a test needs of the machine, by the name that {@code -Dringtap.require} knows it by. */
public enum Facility {
    /** To make network namespaces and set up interfaces in them. */
    ROOT {
        @Override
        public Optional<String> missing() {
            return capable(CAP_SYS_ADMIN) && capable(CAP_NET_ADMIN)
                    ? Optional.empty()
                    : Optional.of("no CAP_SYS_ADMIN and CAP_NET_ADMIN: network namespaces need them");
        }
    },
    /** A kernel TAP. */
    TAP {
        @Override
        public Optional<String> missing() {
            Path tun = Path.of("/dev/net/tun");
            if (!Files.isReadable(tun) || !Files.isWritable(tun)) {
                return Optional.of("no access to " + tun);
            }
            return capable(CAP_NET_ADMIN) ? Optional.empty() : Optional.of("no CAP_NET_ADMIN: making a TAP needs it");
        }
    },
    /** A steering program in the kernel. */
    BPF {
        @Override
        public Optional<String> missing() {
            return capable(CAP_BPF) || capable(CAP_SYS_ADMIN)
                    ? Optional.empty()
                    : Optional.of("no CAP_BPF: loading the steering program needs it");
        }
    },
    /** User-Mode Linux and what goes into its guest. */
    UML {
        @Override
        public Optional<String> missing() {
            if (!capable(CAP_SYS_ADMIN)) {
                return Optional.of("no CAP_SYS_ADMIN: the guest is kept in a process namespace");
            }
            return UmlGuest.missing();
        }
    };

    private static final int CAP_NET_ADMIN = 12;
    private static final int CAP_SYS_ADMIN = 21;
    private static final int CAP_BPF = 39;

    /** Says what is missing here, in one line, or nothing if the facility is there. */
    public abstract Optional<String> missing();

    private static boolean capable(int capability) {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("CapEff:"))
                    .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                    .anyMatch(effective -> (effective >>> capability & 1) != 0);
        } catch (IOException e) {
            return false;
        }
    }
}
