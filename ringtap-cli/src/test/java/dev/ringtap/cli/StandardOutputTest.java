// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class StandardOutputTest {
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    /** As the commands do: a printer of their own on the process's. */
    private int ended(int status, OutputStream file) {
        StandardOutput output = new StandardOutput(file);
        PrintStream report = new PrintStream(output.printer(StandardCharsets.UTF_8), true, StandardCharsets.UTF_8);
        report.printf("%d packets%n", 7);
        report.print("and the end");
        report.flush();
        return Main.ended(status, output, new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private String told() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void whatWasWrittenEndsAsItDid() {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        assertThat(ended(0, file)).isZero();
        assertThat(file.toString(StandardCharsets.UTF_8)).isEqualTo("7 packets\nand the end");
        assertThat(told()).isEmpty();
    }

    @Test
    void whatCouldNotBeWrittenIsAFailure() throws IOException {
        try (FileOutputStream full = new FileOutputStream("/dev/full")) {
            assertThat(ended(0, full)).isEqualTo(1);
            assertThat(told())
                    .isEqualTo("ringtap: standard output: not all could be written: no space left on device\n");
            assertThat(ended(2, full)).isEqualTo(2);
        }
    }

    @Test
    void readerWhoHasEnoughIsNone() {
        OutputStream closed = new OutputStream() {
            @Override
            public void write(int octet) throws IOException {
                throw new IOException("Broken pipe");
            }
        };
        assertThat(ended(0, closed)).isZero();
        assertThat(told()).isEmpty();
    }
}
