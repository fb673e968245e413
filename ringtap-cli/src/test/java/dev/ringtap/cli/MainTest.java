// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "verify --flows 3          | --flows 3: must be between 57",
                "verify --flows many       | 'many' is not an int",
                "verify --queue-pairs 0    | --queue-pairs 0: must be between 1 and 127",
                "verify --queue-pairs 300  | --queue-pairs 300: must be between 1 and 127",
                "verify --engine steam     | expected one of [auto, epoll, io_uring]",
                "run --socket s --tap a:b  | --tap: TAP name \"a:b\": an interface name has no slash, colon, blank",
                "run --socket s --tap a-name-of-sixteen | 17 bytes; an interface name has 1 to 15",
                "run --socket s --engine steam     | expected one of [auto, epoll, io_uring]",
                "run --socket s --rss-table 64     | --rss-table 64: expected a power of two from 128 to 512",
                "run --socket s --rss-table 1024   | --rss-table 1024: expected a power of two from 128 to 512",
                "run --socket s --mac 00:00:00:00:00:00 | not all zero",
                "run --socket s --mac 01:00:00:00:00:01 | not the address of a group",
                "run --socket s --map a=b          | --map 'a=b': there is no program with maps",
                "run --socket s --steering no.o --map a | --map 'a': expected NAME=FILE",
                "run --socket s --steering no.o:main    | no.o: there is no such file",
                "verify --wrong            | Unknown option: '--wrong'",
                "verfy                     | Unmatched argument at index 0: 'verfy'",
            })
    void wrongUsageIsToldOnStandardErrorWithExitCode2(String arguments, String message) {
        assertThat(execute(arguments.strip().split(" +"))).isEqualTo(2);
        assertThat(out.toString()).isEmpty();
        assertThat(err.toString()).startsWith("ringtap: ").contains(message.strip());
    }

    @Test
    void withoutACommandItAsksForOne() {
        assertThat(execute()).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("ringtap: which command?\nTry: ringtap --help\n");
    }

    @Test
    void helpNamesTheCommandsAndNotTheHiddenOption() {
        assertThat(execute("--help")).isZero();
        assertThat(out.toString()).contains("run", "verify");
        assertThat(execute("verify", "--help")).isZero();
        assertThat(out.toString()).contains("--flows", "--json").doesNotContain("--break-key");
    }

    @Test
    void versionNamesJavaAndKernel() {
        assertThat(execute("--version")).isZero();
        assertThat(out.toString())
                .startsWith("ringtap ")
                .contains("Java " + Runtime.version().feature());
    }

    private int execute(String... arguments) {
        CommandLine command = Main.commandLine();
        return command.setOut(new PrintWriter(out)).setErr(new PrintWriter(err)).execute(arguments);
    }
}
