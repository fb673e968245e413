// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A Compose project of its own name; taken down with its volumes at the end. */
final class Compose implements AutoCloseable {
    private static final long LIMIT_S = 120;

    private final List<String> command;

    Compose(Path file, String project) {
        command = new ArrayList<>(Engine.instance().compose());
        command.addAll(List.of("-p", project, "-f", file.toString()));
    }

    /** Runs a command of Compose's to its end; what it printed. */
    String run(String... arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(command);
        words.addAll(Arrays.asList(arguments));
        Path output = Files.createTempFile("ringtap-it-", ".log");
        try {
            Process process = new ProcessBuilder(words)
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(output.toFile())
                    .start();
            boolean ended = process.waitFor(LIMIT_S, TimeUnit.SECONDS);
            process.destroyForcibly();
            String printed = Files.readString(output);
            if (!ended || process.exitValue() != 0) {
                String how = ended ? "ended with " + process.exitValue() : "did not end in %d s".formatted(LIMIT_S);
                throw new AssertionError(String.join(" ", words) + " " + how + ":\n" + printed);
            }
            return printed;
        } finally {
            Files.delete(output);
        }
    }

    /** The identifier of a service's container. */
    String container(String service) throws IOException, InterruptedException {
        return run("ps", "-q", service).strip();
    }

    @Override
    public void close() throws IOException {
        try {
            run("down", "--volumes", "--timeout", "5");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
