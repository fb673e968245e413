// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Capability;
import dev.ringtap.it.container.RequiresDocker.Need;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.testcontainers.DockerClientFactory;

/** The compose file, run: an emulator, and a guest in a second container, joined by a volume. */
@RequiresDocker({Need.TAP, Need.COMPOSE})
class ComposeRunTest {
    private static final Path FILE = Path.of("..", "compose.yaml");
    private static final String EMULATOR = "emulator";
    private static final String GUEST = "guest";

    @TempDir
    Path directory;

    private CapabilityRequest capabilities;

    @Test
    void theGuestFindsNoMismatchUntilItsEmulatorEnds() throws Exception {
        String project = "ringtap-it-" + ProcessHandle.current().pid();
        try (var compose = new Compose(adapted(), project)) {
            compose.run("up", "-d");
            var guest = new StartedContainer(compose.container(GUEST));
            var emulator = DockerClientFactory.instance()
                    .client()
                    .inspectContainerCmd(compose.container(EMULATOR))
                    .exec()
                    .getState();
            // The guest was not started before.
            assertThat(emulator.getHealth().getStatus()).isEqualTo("healthy");
            assertThat(ProcessCapabilities.effective(emulator.getPidLong())).isEqualTo(capabilities.effective());
            guest.awaitOutput(PingingGuest.ANSWERED);

            compose.run("stop", EMULATOR);
            PingingGuest.assertFoundNoMismatch(guest);
            assertThat(guest.output()).contains("the back-end has gone; ");
        }
    }

    /** The file as it is, but of the image under test, and with its capabilities in the words of this engine. */
    @SuppressWarnings("unchecked")
    private Path adapted() throws IOException {
        var file =
                (Map<String, Object>) new Load(LoadSettings.builder().build()).loadFromString(Files.readString(FILE));
        var services = (Map<String, Map<String, Object>>) file.get("services");
        services.values().forEach(service -> {
            service.remove("build");
            service.put("image", RingtapImage.name());
        });
        Map<String, Object> emulator = services.get(EMULATOR);
        var asked = (List<String>) emulator.get("cap_add");
        capabilities =
                CapabilityRequest.of(asked.stream().map(Capability::valueOf).toArray(Capability[]::new));
        emulator.put(
                "cap_add", capabilities.byName().stream().map(Capability::name).toList());
        if (capabilities.runtime() != null) {
            emulator.put("runtime", capabilities.runtime());
            emulator.put("environment", capabilities.environment());
        }
        return Files.writeString(
                directory.resolve("compose.yaml"),
                new Dump(DumpSettings.builder().build()).dumpToString(file));
    }
}
