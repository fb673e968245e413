// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.health;

import dev.ringtap.cli.CommandException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code ringtap health}. Looks the socket up in the kernel's own list: to connect would take the place of the guest, who
 * is alone at the socket.
 */
@Command(
        name = "health",
        description = "Tells whether an emulator listens on a socket, without connecting to it.",
        footer = {"", "Exit code: 0 it listens, 1 it does not, 2 for wrong usage."})
public final class HealthCommand implements Callable<Integer> {
    private static final Path SOCKETS = Path.of("/proc/net/unix");
    /** Of the fields in a line: address, references, protocol, flags, type, state, inode, path. */
    private static final int FLAGS = 3;

    private static final int PATH = 7;
    /** linux/net.h, __SO_ACCEPTCON: somebody listens. */
    private static final int ACCEPTS_CONNECTIONS = 1 << 16;

    @Option(names = "--socket", paramLabel = "PATH", required = true, description = "Unix socket of the emulator.")
    private Path socket;

    @Override
    public Integer call() throws IOException, CommandException {
        try (Stream<String> lines = Files.lines(SOCKETS)) {
            if (lines.anyMatch(this::listens)) {
                return CommandLine.ExitCode.OK;
            }
        }
        throw new CommandException("nobody listens on " + socket);
    }

    private boolean listens(String line) {
        String[] fields = line.strip().split("\\s+", PATH + 1);
        return fields.length > PATH
                && fields[PATH].equals(socket.toString())
                && (Integer.parseUnsignedInt(fields[FLAGS], 16) & ACCEPTS_CONNECTIONS) != 0;
    }
}
