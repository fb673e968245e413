// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import dev.ringtap.benchmarks.steering.SteeringCommand;
import dev.ringtap.benchmarks.vm.VmCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code benchmarks} command. */
@Command(
        name = "benchmarks",
        description = "What ringtap's parts cost, beside each other and beside a peer's.",
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        subcommands = {SteeringCommand.class, VmCommand.class, JmhCommand.class},
        synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
    @Spec
    private CommandSpec spec;

    /** Without a subcommand there is nothing to do. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which command?");
    }

    /** Runs and ends the process: 0 done, 1 failed, 2 wrong usage. */
    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new Main()).setExecutionExceptionHandler((problem, command, parsed) -> {
            command.getErr().println("benchmarks: " + problem.getMessage());
            return command.getCommandSpec().exitCodeOnExecutionException();
        });
    }
}
