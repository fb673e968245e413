// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.check.CheckOptions;
import dev.ringtap.ebpf.check.Checker;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What clang makes of programs, before the check that user space has in place of the kernel's verifier. */
class CheckedObjectsTest {
    @Test
    void theSteeringProgramIsAcceptedAsFastAsByTheKernel() throws Exception {
        var object = BpfObject.parse("steering.bpf.o", SteeringProgram.builtObject());
        var checked = Checker.check(object.programs().getFirst(), object.maps(), CheckOptions.defaults());
        // The kernel's verifier, 6.18: 16,281.
        assertThat(checked.instructionsProcessed()).isLessThan(20_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"by_port", "callback", "calls", "globals", "maps", "sections"})
    void programsThatTheKernelTakesAreAccepted(String name) throws Exception {
        var object = TestObject.parse(name);
        for (var program : object.programs()) {
            var checked = Checker.check(program, object.maps(), CheckOptions.defaults());
            assertThat(checked.isReached(0)).as(program.name()).isTrue();
        }
    }

    @Test
    void theProgramThatTheKernelRefusesIsRefusedForTheSameReason() throws Exception {
        var object = TestObject.parse("refused");
        var program = object.programs().getFirst();
        assertThat(program.type()).isEqualTo(ProgramType.SOCKET_FILTER);
        assertThatThrownBy(() -> Checker.check(program, object.maps(), CheckOptions.defaults()))
                .hasMessageContaining("R7 is null or points at a value of map 'flows' (8 bytes): used without a check");
    }

    @Test
    void theKernelFunctionThatIsNotExportedIsNamedWithItsVersion() throws Exception {
        var object = TestObject.parse("kfunc");
        assertThatThrownBy(() -> Checker.check(object.programs().getFirst(), object.maps(), CheckOptions.defaults()))
                .hasMessageContaining("needs kernel function ringtap_report_hash version 2");
    }
}
