// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.health;

import dev.ringtap.cli.CommandException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
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
    @Option(
            names = "--socket",
            paramLabel = "PATH",
            required = true,
            description =
                    "Unix socket of the emulator. If the emulator was given a relative path, the kernel knows no more"
                            + " than that: ask from the directory that the emulator was started in.")
    private Path socket;

    @Override
    public Integer call() throws IOException, CommandException {
        if (ListeningSockets.ofThisMachine().contain(socket)) {
            return CommandLine.ExitCode.OK;
        }
        throw new CommandException("nobody listens on " + socket);
    }
}
