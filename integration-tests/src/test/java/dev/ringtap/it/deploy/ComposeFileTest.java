// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.it.RingtapProcess;
import dev.ringtap.linux.net.NetworkNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The compose file asks for no more than ringtap needs, and calls commands that there are. */
class ComposeFileTest {
    private static final Path FILE = Path.of("..", "compose.yaml");

    @SuppressWarnings("unchecked")
    private static Map<String, Object> service(String name) throws IOException {
        var file =
                (Map<String, Object>) new Load(LoadSettings.builder().build()).loadFromString(Files.readString(FILE));
        return (Map<String, Object>) ((Map<String, Object>) file.get("services")).get(name);
    }

    @Test
    void neitherServiceIsPrivileged() throws IOException {
        for (String name : List.of("emulator", "guest")) {
            assertThat(service(name)).as(name).doesNotContainKey("privileged");
            assertThat(service(name)).as(name).containsEntry("cap_drop", List.of("ALL"));
        }
        assertThat(service("emulator")).containsEntry("cap_add", List.of("NET_ADMIN", "BPF", "PERFMON"));
        assertThat(service("emulator")).containsEntry("devices", List.of("/dev/net/tun"));
        assertThat(service("guest")).doesNotContainKeys("cap_add", "devices");
    }

    @Test
    void bothShareTheDirectoryOfTheSocket() throws IOException {
        assertThat(service("emulator")).containsEntry("volumes", List.of("socket:/run/ringtap"));
        assertThat(service("guest")).containsEntry("volumes", List.of("socket:/run/ringtap"));
    }

    @Test
    void commandsAndTheirOptionsAreThere() throws Exception {
        for (String name : List.of("emulator", "guest")) {
            @SuppressWarnings("unchecked")
            var command = (List<String>) service(name).get("command");
            try (NetworkNamespace here = NetworkNamespace.current();
                    RingtapProcess help = RingtapProcess.start(here, command.getFirst(), "--help")) {
                assertThat(help.awaitExit()).as(help.output()).isZero();
                assertThat(command)
                        .filteredOn(word -> word.startsWith("--"))
                        .allSatisfy(option -> assertThat(help.output()).contains(option + "="));
            }
        }
    }
}
