// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.linux.posix.Privileges;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What a run needs of the host, looked up before anything is made. */
final class Privilege {
    private static final Path TUN = Path.of("/dev/net/tun");

    private Privilege() {}

    /** @throws CommandException names everything that is missing, and how to get it */
    static void require() throws CommandException {
        List<String> missing = new ArrayList<>();
        try {
            Privileges held = Privileges.current();
            need(held.has(Privileges.CAP_NET_ADMIN), "CAP_NET_ADMIN (to make a TAP)", missing);
            need(held.has(Privileges.CAP_NET_RAW), "CAP_NET_RAW (to send ready-made frames)", missing);
            need(held.has(Privileges.CAP_SYS_ADMIN), "CAP_SYS_ADMIN (for a network namespace of its own)", missing);
            need(held.mayLoadBpf(), "CAP_BPF (to load the steering program)", missing);
        } catch (IOException e) {
            throw new CommandException("this needs Linux: " + e.getMessage(), e);
        }
        boolean tun = Files.exists(TUN);
        if (missing.isEmpty() && tun) {
            return;
        }
        List<String> sentences = new ArrayList<>();
        if (!missing.isEmpty()) {
            sentences.add("verify lacks " + String.join(", ", missing)
                    + ": run it as root (sudo), or in a container with --cap-add NET_ADMIN,NET_RAW,SYS_ADMIN,BPF");
        }
        if (!tun) {
            sentences.add("there is no " + TUN
                    + ": load the kernel module (modprobe tun), or give the container --device " + TUN);
        }
        throw new CommandException(String.join("; ", sentences));
    }

    private static void need(boolean held, String what, List<String> missing) {
        if (!held) {
            missing.add(what);
        }
    }
}
