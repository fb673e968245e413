// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import dev.ringtap.linux.posix.Privileges;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What a command may need of this process and this machine to work with a TAP of the kernel's. */
public enum HostNeed {
    NET_ADMIN(Privileges.CAP_NET_ADMIN, "to make a TAP"),
    NET_RAW(Privileges.CAP_NET_RAW, "to send ready-made frames"),
    SYS_ADMIN(Privileges.CAP_SYS_ADMIN, "for a network namespace of its own"),
    BPF(Privileges.CAP_BPF, "to load the steering program");

    private static final Path TUN = Path.of("/dev/net/tun");

    private final int capability;
    private final String why;

    HostNeed(int capability, String why) {
        this.capability = capability;
        this.why = why;
    }

    /**
     * Looks up what is missing, before anything is made.
     *
     * @param command its name, for the sentence
     * @param needs capabilities; {@code /dev/net/tun} is needed besides
     * @return everything that is missing and how to get it, in one line; null if nothing is
     */
    public static String missing(String command, Set<HostNeed> needs) {
        List<String> sentences = new ArrayList<>();
        Set<HostNeed> lacking = EnumSet.noneOf(HostNeed.class);
        try {
            Privileges held = Privileges.current();
            for (HostNeed need : needs) {
                if (!need.isHeld(held)) {
                    lacking.add(need);
                }
            }
        } catch (IOException e) {
            return "this needs Linux: " + e.getMessage();
        }
        if (!lacking.isEmpty()) {
            List<String> lacks = lacking.stream()
                    .map(need -> "CAP_" + need.name() + " (" + need.why + ")")
                    .toList();
            List<String> caps = needs.stream().map(HostNeed::name).toList();
            sentences.add("%s lacks %s: run it as root (sudo), or in a container with --cap-add %s"
                    .formatted(command, String.join(", ", lacks), String.join(",", caps)));
        }
        String noDevice = deviceProblem();
        if (noDevice != null) {
            sentences.add(noDevice);
        }
        return sentences.isEmpty() ? null : String.join("; ", sentences);
    }

    private boolean isHeld(Privileges held) {
        return this == BPF ? held.mayLoadBpf() : held.has(capability);
    }

    private static String deviceProblem() {
        if (!Files.exists(TUN)) {
            return "there is no " + TUN + ": load the kernel module (modprobe tun), or give the container --device "
                    + TUN;
        }
        // To open it makes nothing: a TAP comes into being by an ioctl.
        try (FileChannel opened = FileChannel.open(TUN, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return opened.isOpen() ? null : TUN + " cannot be opened";
        } catch (AccessDeniedException e) {
            return TUN
                    + " may not be opened by this user: its mode and owner say who may, or give the container --device "
                    + TUN;
        } catch (IOException e) {
            String reason = e.getMessage() == null ? e.toString() : e.getMessage();
            return "%s cannot be opened (%s): load the kernel module (modprobe tun), or give the container --device %s"
                    .formatted(TUN, reason.toLowerCase(Locale.ROOT), TUN);
        }
    }
}
