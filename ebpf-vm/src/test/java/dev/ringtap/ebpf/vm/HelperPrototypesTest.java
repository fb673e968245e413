// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.ringtap.ebpf.check.CheckOptions;
import dev.ringtap.ebpf.check.Checker;
import dev.ringtap.ebpf.check.ProgramRefusedException;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The helpers that the runtime has, and those that the checker knows, are the same for each type of program. */
class HelperPrototypesTest {
    private static final int LAST_HELPER = 211;

    @ParameterizedTest
    @EnumSource(ProgramType.class)
    void theCheckerKnowsTheHelpersOfTheRuntime(ProgramType type) {
        for (int number = 1; number <= LAST_HELPER; number++) {
            var helper = Helper.of(number);
            String reason = callWithoutArguments(type, number);
            assertThat(reason.contains("not supported here"))
                    .as("helper %d: %s", number, reason)
                    .isEqualTo(helper == null);
            if (helper == null) continue;
            assertThat(reason.contains("' must not"))
                    .as("helper %d: %s", number, reason)
                    .isNotEqualTo(helper.types().contains(type));
        }
    }

    private static String callWithoutArguments(ProgramType type, int number) {
        // r1 is overwritten, so that a helper that wants arguments is refused for them; r6 is a result in any case.
        byte[] code = {
            (byte) 0xB7, 1, 0, 0, 0, 0, 0, 0, //
            (byte) 0x85, 0, 0, 0, (byte) number, 0, 0, 0, //
            (byte) 0xB7, 0, 0, 0, 0, 0, 0, 0, //
            (byte) 0x95, 0, 0, 0, 0, 0, 0, 0
        };
        var program = new ProgramDefinition("test", type.title(), type, code, List.of(), List.of());
        var refused = catchThrowableOfType(
                ProgramRefusedException.class, () -> Checker.check(program, Map.of(), CheckOptions.defaults()));
        return refused == null ? "" : refused.reason();
    }
}
