// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import dev.ringtap.cli.compare.CompareCommand;
import dev.ringtap.cli.guest.GuestCommand;
import dev.ringtap.cli.health.HealthCommand;
import dev.ringtap.cli.run.RunCommand;
import dev.ringtap.cli.verify.VerifyCommand;
import dev.ringtap.ebpf.object.BpfException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The {@code ringtap} command: picks a subcommand, and turns what goes wrong into one line and an exit code. Only what the
 * kernel's verifier says takes more lines.
 */
@Command(
        name = "ringtap",
        description = "A tuntap device and a virtio-net device back to back: RSS and hash reports over vhost-user.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        // Every command has --help and --version.
        scope = ScopeType.INHERIT,
        subcommands = {
            RunCommand.class,
            VerifyCommand.class,
            GuestCommand.class,
            CompareCommand.class,
            HealthCommand.class
        },
        synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
    /** Set to anything, it adds stack traces to failures. */
    private static final String DEBUG = "RINGTAP_DEBUG";

    private static final Path STANDARD_OUTPUT = Path.of("/dev/stdout");

    @Spec
    private CommandSpec spec;

    /** Without a subcommand there is nothing to do. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which command?");
    }

    /** Runs and ends the process: 0 done, 1 failed, 2 wrong usage. */
    public static void main(String[] args) {
        StandardOutput output = new StandardOutput(new FileOutputStream(FileDescriptor.out));
        System.setOut(output.printer(System.out.charset()));
        int status = execute(args);
        System.out.flush();
        System.exit(ended(status, output, System.err));
    }

    /** What the exit code becomes if the result could not be written: to whoever asked for it the command has failed. */
    static int ended(int status, StandardOutput output, PrintStream err) {
        IOException lost = output.lost();
        if (lost == null) {
            return status;
        }
        String reason = FileFault.reason(STANDARD_OUTPUT, lost);
        err.println("ringtap: standard output: not all could be written: " + oneLine(reason));
        return status == CommandLine.ExitCode.OK ? CommandLine.ExitCode.SOFTWARE : status;
    }

    static int execute(String... args) {
        return commandLine().execute(args);
    }

    static CommandLine commandLine() {
        return new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .registerConverter(Path.class, new PathOption())
                .setParameterExceptionHandler(Main::wrongUsage)
                .setExecutionExceptionHandler(Main::failed);
    }

    private static int wrongUsage(ParameterException problem, String[] args) {
        CommandLine command = problem.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("ringtap: " + oneLine(problem.getMessage()));
        if (!UnmatchedArgumentException.printSuggestions(problem, err)) {
            err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
        }
        err.flush();
        return CommandLine.ExitCode.USAGE;
    }

    private static int failed(Exception problem, CommandLine command, CommandLine.ParseResult parsed) {
        PrintWriter err = command.getErr();
        boolean expected = problem instanceof CommandException || problem instanceof IOException;
        String message = problem.getMessage() == null ? problem.toString() : problem.getMessage();
        if (problem instanceof BpfException refusal && !refusal.verifierLog().isEmpty()) {
            // A table and a log: many lines, and they are meant to be read.
            err.println("ringtap: " + message);
        } else if (expected) {
            err.println("ringtap: " + oneLine(message));
        } else {
            err.println("ringtap: internal error: " + oneLine(problem.toString()) + " (set " + DEBUG
                    + "=1 for where it happened)");
        }
        if (System.getenv(DEBUG) != null) {
            problem.printStackTrace(err);
        }
        err.flush();
        return CommandLine.ExitCode.SOFTWARE;
    }

    private static String oneLine(String message) {
        return message.strip().replaceAll("\\s*\\R\\s*", "; ");
    }

    /** What {@code --version} prints. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {
                "ringtap %s (Java %s, %s %s, %s)"
                        .formatted(
                                version == null ? "unpackaged" : version,
                                Runtime.version().feature(),
                                System.getProperty("os.name"),
                                System.getProperty("os.version"),
                                System.getProperty("os.arch"))
            };
        }
    }
}
