// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.posix.Privileges;
import dev.ringtap.linux.tun.TapDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;

/** What tests may ask of their host, by the names that {@code ringtap.require} lists. */
public enum HostGroup {
    TAP {
        @Override
        String probe() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                return namespace.call(() -> {
                    TapDevice.open(TapDevice.Options.of("probe%d", 2)).close();
                    return null;
                });
            }
        }
    },
    BPF {
        @Override
        String probe() throws Exception {
            String tap = TAP.missing();
            if (tap != null) return tap;
            ConstantProgram.load(0).close();
            return null;
        }
    },
    ROOT {
        @Override
        String probe() throws Exception {
            if (Posix.effectiveUid() != 0) return "the user is not root";
            boolean admin = Privileges.current().has(Privileges.CAP_SYS_ADMIN);
            return admin ? null : "root lacks CAP_SYS_ADMIN";
        }
    },
    UML {
        @Override
        String probe() {
            return onPath("linux.uml", "User-Mode Linux");
        }
    },
    KERNELS {
        @Override
        String probe() {
            return QEMU.missing();
        }
    },
    QEMU {
        @Override
        String probe() {
            return onPath("qemu-system-x86_64", "QEMU");
        }
    },
    DOCKER {
        @Override
        String probe() {
            return onPath("docker", "Docker");
        }
    },
    /** An engine whose containers can have CAP_BPF without CAP_SYS_ADMIN. */
    DOCKER_BPF {
        @Override
        String probe() {
            return DOCKER.missing();
        }
    };

    private boolean probed;
    private String missing;

    // Looks for what is missing; null if nothing is.
    abstract String probe() throws Exception;

    /**
     * Why tests of this group cannot run here.
     *
     * @return the reason in one line, or {@code null} if they can
     */
    public synchronized String missing() {
        if (probed) return missing;
        try {
            missing = probe();
        } catch (Exception e) {
            missing = e.getMessage();
        }
        probed = true;
        return missing;
    }

    /** Whether a host that lacks it makes the test run fail. */
    public boolean required() {
        String name = name().toLowerCase(Locale.ROOT);
        return Arrays.stream(System.getProperty("ringtap.require", "").split(","))
                .map(String::strip)
                .anyMatch(required -> required.equals(name) || required.equals("all"));
    }

    private static String onPath(String command, String what) {
        boolean found = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, command)));
        return found ? null : what + " is not installed (no command " + command + ")";
    }
}
