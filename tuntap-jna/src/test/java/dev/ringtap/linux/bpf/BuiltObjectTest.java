// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BuiltObjectTest {
    /** Skipped where the compiler is missing that made the object, unless {@code ringtap.require} names it. */
    @ParameterizedTest
    @ValueSource(strings = {"src/main/bpf/build", "src/test/bpf/build"})
    void checkedInObjectsAreWhatTheSourcesGive(String script) throws Exception {
        var build = Path.of(script).toAbsolutePath();
        assumeTrue(Files.isExecutable(build), "not in the module's directory");
        var process = new ProcessBuilder(build.toString(), "--check")
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int status = process.waitFor();
        var required = List.of(System.getProperty("ringtap.require", "").split(","));
        if (!required.contains("clang") && !required.contains("all")) assumeTrue(status != 2, said);
        assertThat(status).as(said).isZero();
    }

    @Test
    void objectIsUnderstood() throws Exception {
        var object = BpfObject.parse("steering.bpf.o", SteeringProgram.builtObject());
        assertThat(object.license()).isEqualTo("Apache-2.0");
        assertThat(object.maps()).containsOnlyKeys("ringtap_active");
        var active = object.maps().get("ringtap_active");
        assertThat(active)
                .isEqualTo(new MapDefinition(
                        "ringtap_active",
                        MapDefinition.ARRAY_OF_MAPS,
                        4,
                        4,
                        1,
                        0,
                        new MapDefinition(
                                "ringtap_config", MapDefinition.ARRAY, 4, SteeringLayout.SIZE_BYTES, 1, 0, null)));
        assertThat(object.programs()).singleElement().satisfies(program -> {
            assertThat(program.name()).isEqualTo("ringtap_steer");
            assertThat(program.section()).isEqualTo("socket");
            assertThat(program.type()).isEqualTo(ProgramType.SOCKET_FILTER);
            assertThat(program.references())
                    .singleElement()
                    .asInstanceOf(type(Reference.MapAddress.class))
                    .extracting(Reference.MapAddress::map)
                    .isEqualTo("ringtap_active");
        });
    }
}
