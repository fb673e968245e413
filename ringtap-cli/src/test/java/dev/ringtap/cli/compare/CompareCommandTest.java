// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command as a user gives it: exit codes and what is printed and written. */
class CompareCommandTest {
    private static final String SHORT =
            "--flows 60 --packets 60 --passes 1 --measured-runs 60 --seed 5 --queue-pairs 2 ";

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    @Test
    void agreementIsExitCode0AndTheFilesAreThere() throws Exception {
        Path svg = directory.resolve("chart.svg");
        assertThat(execute(SHORT + "--json --svg " + svg)).isZero();
        JsonNode root = JsonMapper.builder().build().readTree(out.toString(StandardCharsets.UTF_8));
        assertThat(root.get("passed").asBoolean()).isTrue();
        assertThat(root.get("designs").size()).isEqualTo(Design.values().length);
        for (JsonNode design : root.get("designs")) {
            assertThat(design.get("ran").asBoolean() ? design.get("mismatches").asInt() : 0)
                    .isZero();
            assertThat(design.has("unavailable")).isNotEqualTo(design.get("ran").asBoolean());
        }
        Document chart =
                DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(svg.toFile());
        assertThat(chart.getDocumentElement().getTagName()).isEqualTo("svg");
        for (Design design : Design.values()) {
            assertThat(Files.readString(svg)).contains(">" + design.source() + "<");
        }
    }

    @Test
    void disagreementIsExitCode1AndThePacketIsNamed() {
        assertThat(execute(SHORT + "--break-design emulated_kfunc")).isEqualTo(1);
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("What differs:")
                .containsPattern("kfunc on the emulated TAP: packet \\d+ of flow \\d+ \\(.*expected queue")
                .doesNotContain("same queue and hash everywhere");
    }

    @Test
    void chartThatCannotBeWrittenIsToldBeforeTheRunWithItsPathAndTheReason() {
        Path nowhere = directory.resolve("missing").resolve("chart.svg");
        assertThat(refusal(nowhere))
                .contains("--svg " + nowhere + ": cannot be written: there is no directory " + nowhere.getParent());
        assertThat(refusal(directory)).contains("--svg " + directory + ": cannot be written: is a directory");
        assertThat(out.size()).as("bytes of a report").isZero();
    }

    @Test
    void chartThatDoesNotFitIsToldAfterTheReport() {
        assertThat(refusal(Path.of("/dev/full")))
                .contains("--svg /dev/full: cannot be written: no space left on device");
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("same queue and hash everywhere");
    }

    private String refusal(Path svg) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream before = System.err;
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        try {
            assertThat(execute(SHORT + "--svg " + svg)).isNotZero();
        } finally {
            System.setErr(before);
        }
        return err.toString(StandardCharsets.UTF_8);
    }

    private int execute(String arguments) {
        PrintStream before = System.out;
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        try {
            return new CommandLine(new CompareCommand())
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .execute(arguments.split(" +"));
        } finally {
            System.setOut(before);
        }
    }
}
