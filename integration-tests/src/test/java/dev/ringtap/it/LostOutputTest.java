// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How {@code ringtap} ends whose standard output goes nowhere. Needs no privilege. */
class LostOutputTest {
    private static final String COMPARE =
            "compare --flows 60 --packets 60 --passes 1 --measured-runs 60 --queue-pairs 2";
    private static final List<String> FULL = List.of("sh", "-c", "exec \"$@\" >/dev/full", "sh");
    private static final List<String> NOBODY_READS = List.of("bash", "-c", "\"$@\" | :; exit ${PIPESTATUS[0]}", "bash");

    private static void assertEnds(int status, String output, List<String> wrapper, String arguments) throws Exception {
        try (RingtapProcess process = RingtapProcess.start(wrapper, arguments.split(" "))) {
            int ended = process.awaitExit();
            assertThat(process.output()).isEqualTo(output);
            assertThat(ended).isEqualTo(status);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--version",
                "verify --tap emulated --flows 100",
                "verify --tap emulated --flows 100 --json",
                COMPARE,
                COMPARE + " --json"
            })
    void resultThatCannotBeWrittenIsAFailure(String arguments) throws Exception {
        String told = "ringtap: standard output: not all could be written: no space left on device\n";
        assertEnds(1, told, FULL, arguments);
    }

    @Test
    void readerWhoHasEnoughIsNoFailure() throws Exception {
        assertEnds(0, "", NOBODY_READS, "verify --tap emulated --flows 100");
    }
}
