// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.WeakThread;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PrivilegesTest {
    @Test
    void agreesWithTheKernelsList() throws Exception {
        var line = Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                .filter(candidate -> candidate.startsWith("CapEff:"))
                .findFirst()
                .orElseThrow();
        long mask = Long.parseUnsignedLong(line.substring(7).strip(), 16);
        var privileges = Privileges.current();
        for (int capability = 0; capability < 64; capability++)
            assertThat(privileges.has(capability)).isEqualTo((mask & 1L << capability) != 0);
    }

    @Test
    @RequiresRoot
    void areThoseOfTheCallingThread() throws Exception {
        assertThat(Privileges.current().has(Privileges.CAP_SYS_ADMIN)).isTrue();
        var weak = WeakThread.callWithoutCapabilities(Privileges::current);
        assertThat(weak.has(Privileges.CAP_SYS_ADMIN)).isFalse();
        assertThat(weak.has(Privileges.CAP_NET_ADMIN)).isFalse();
        assertThat(weak.mayLoadBpf()).isFalse();
        assertThat(weak).hasToString("CapEff 0");
        assertThat(Privileges.current().has(Privileges.CAP_SYS_ADMIN)).isTrue();
    }

    @Test
    void namesTheCapabilitiesThatMatterHere() {
        assertThat(Privileges.name(Privileges.CAP_NET_ADMIN)).isEqualTo("CAP_NET_ADMIN");
        assertThat(Privileges.name(Privileges.CAP_BPF)).isEqualTo("CAP_BPF");
        assertThat(Privileges.name(1)).isEqualTo("capability 1");
    }
}
