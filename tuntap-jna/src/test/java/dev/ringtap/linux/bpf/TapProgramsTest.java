// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.TapPrograms;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TapProgramsTest {
    private static final Set<ProgramType> SOCKET = Set.of(ProgramType.SOCKET_FILTER);

    @TempDir
    private Path directory;

    private String object(String name) throws Exception {
        return Files.write(directory.resolve(name + ".bpf.o"), TestObject.bytes(name))
                .toString();
    }

    private static String steering(String source) throws Exception {
        return TapPrograms.read(source, SOCKET, null, Map.of())
                .steering()
                .program()
                .name();
    }

    private static AbstractThrowableAssert<?, ?> refused(String source) {
        return assertThatThrownBy(() -> TapPrograms.read(source, SOCKET, null, Map.of()))
                .isInstanceOf(BpfException.class);
    }

    @Test
    void programIsChosenByItsNameOrItsSection() throws Exception {
        String byPort = object("by_port");
        assertThat(steering(byPort + ":steer")).isEqualTo("steer");
        assertThat(steering(byPort + ":socket/filter")).isEqualTo("admit");
        assertThat(steering(object("globals"))).isEqualTo("count");
        refused(byPort)
                .hasMessage(byPort + ": has several programs of type 'socket', choose one by " + byPort
                        + ":NAME; it has 'steer' (section 'socket/steering'), 'admit' (section 'socket/filter')");
        refused(byPort + ":steering")
                .hasMessage(byPort + ": has no program and no section 'steering'; it has 'steer' (section"
                        + " 'socket/steering'), 'admit' (section 'socket/filter')");
    }

    @Test
    void typeMustFit() throws Exception {
        String sections = object("sections");
        refused(sections + ":at_tc")
                .hasMessage(sections + ": program 'at_tc' (section 'tc') is of type 'tc', here must be 'socket'");
        assertThat(TapPrograms.read(sections + ":vnet_hash", Set.of(ProgramType.VNET_HASH), null, Map.of())
                        .steering()
                        .program()
                        .name())
                .isEqualTo("report");
    }

    @Test
    void fileWithAColonInItsName() throws Exception {
        var odd = Files.write(directory.resolve("a:steer"), TestObject.bytes("globals"));
        assertThat(steering(odd.toString())).isEqualTo("count");
        assertThat(steering(odd + ":count")).isEqualTo("count");
    }

    @Test
    void oneFileIsOneObject() throws Exception {
        String byPort = object("by_port");
        var programs = TapPrograms.read(byPort + ":steer", SOCKET, directory + "/./by_port.bpf.o:admit", Map.of());
        assertThat(programs.filter().object()).isSameAs(programs.steering().object());
        assertThat(programs.filter().title()).isEqualTo("program 'admit' (section 'socket/filter') of " + byPort);
    }

    @Test
    void contentsGoToTheMapOfThatName() throws Exception {
        var queues = Files.writeString(directory.resolve("queues"), "80/be16 = 2\n443/be16 = 300\n");
        String byPort = object("by_port");
        var programs = TapPrograms.read(byPort + ":steer", SOCKET, null, Map.of("queues", queues));
        assertThat(programs.steering().contents()).containsOnlyKeys("queues");
        assertThat(programs.steering().contents().get("queues")).hasSize(2);
        assertThatThrownBy(() -> TapPrograms.read(byPort + ":steer", SOCKET, null, Map.of("queue", queues)))
                .isInstanceOf(BpfException.class)
                .hasMessage(
                        "there is no map 'queue' to fill from " + queues + ", but queues, closed, .rodata.settings");
        assertThatThrownBy(() -> TapPrograms.read(byPort + ":steer", SOCKET, null, Map.of("closed", queues)))
                .isInstanceOf(BpfException.class)
                .hasMessage(queues + ": line 2: value '300' does not fit 1 byte");
    }

    @Test
    void filesThatAreNotThere() throws Exception {
        refused(directory + "/none.o").hasMessage(directory + "/none.o: there is no such file");
        refused(directory + "/none.o:steer").hasMessage(directory + "/none.o: there is no such file");
        refused(directory.toString()).hasMessage(directory + ": is a directory, not an eBPF object");
        var text = Files.writeString(directory.resolve("text"), "int main() {}".repeat(10));
        refused(text.toString()).hasMessage(text + ": is not an ELF file");
        var none = directory.resolve("none");
        String byPort = object("by_port");
        assertThatThrownBy(() -> TapPrograms.read(byPort + ":steer", SOCKET, null, Map.of("queues", none)))
                .hasMessage(none + ": there is no such file");
    }
}
