// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.initramfs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The programs of this host, which guests are made of and with. */
public final class InstalledPrograms {
    private static final Pattern LIBRARY = Pattern.compile("(?m)^\\s+(?:\\S+ => )?(/\\S+) \\(0x");

    private InstalledPrograms() {}

    /** Looks for a program in PATH. */
    public static Optional<Path> find(String name) {
        return Stream.concat(
                        Stream.of(System.getenv().getOrDefault("PATH", "").split(":")),
                        // ethtool is there, which is not in every user's PATH
                        Stream.of("/usr/sbin", "/sbin"))
                .filter(directory -> !directory.isEmpty())
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Runs a program to its end.
     *
     * @return what it printed on both of its outputs
     * @throws IOException if its exit status is not 0
     */
    public static String outputOf(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed:\n" + output);
        }
        return output;
    }

    /** The loader and the libraries that {@code ldd} names for a program or a library. */
    public static List<Path> librariesOf(Path program) throws IOException, InterruptedException {
        return LIBRARY.matcher(outputOf("ldd", program.toString()))
                .results()
                .map(match -> Path.of(match.group(1)))
                .toList();
    }
}
