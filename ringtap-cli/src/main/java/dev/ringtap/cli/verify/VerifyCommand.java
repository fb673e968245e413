// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.HashSourceOption;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.guest.traffic.FlowPlan;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.random.RandomGenerator;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ringtap verify}. */
@Command(
        name = "verify",
        sortOptions = false,
        description = {
            "Proves queue and hash of every packet.",
            "Makes a TAP with a host behind it, an emulator and a guest of its own, sends traffic of every hash type "
                    + "while the guest reconfigures the device, and compares receive queue, hash value and hash report "
                    + "of every packet with what an independent checker expects. The kernel's TAP lies in a network "
                    + "namespace of its own; without the privilege for that the TAP and the host are emulated. Leaves "
                    + "nothing behind."
        },
        footer = {"", "Exit code: 0 without a mismatch, 1 with one or if it cannot run, 2 for wrong usage."})
public final class VerifyCommand implements Callable<Integer> {
    private static final List<String> ONLY_ATTACHED = List.of("--namespace", "--interface");
    private static final List<String> ONLY_OWN = List.of("--tap", "--hash-source", "--engine", "--load");

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--flows",
            paramLabel = "N",
            defaultValue = "1200",
            description = "How many flows; every kind gets a share. Default: ${DEFAULT-VALUE}.")
    private int flows;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Seed of flows, keys and tables, to repeat a run. Default: a new one, which is printed.")
    private Long seed;

    @Option(
            names = "--queue-pairs",
            paramLabel = "N",
            defaultValue = "4",
            description = "Queue pairs of the device, 1 to " + EmulatorConfig.MAX_QUEUE_PAIRS
                    + ". Default: ${DEFAULT-VALUE}.")
    private int queuePairs;

    @Option(names = "--engine", paramLabel = "ENGINE", defaultValue = "auto", description = EngineChoice.DESCRIPTION)
    private EngineChoice engine;

    @Option(names = "--tap", paramLabel = "TAP", defaultValue = "auto", description = TapChoice.DESCRIPTION)
    private TapChoice tap;

    @Option(
            names = "--hash-source",
            paramLabel = "SOURCE",
            defaultValue = "auto",
            converter = HashSourceOption.class,
            description = HashSourceOption.DESCRIPTION)
    private HashSourceChoice hashSource;

    @Option(
            names = "--load",
            paramLabel = "PACKETS",
            defaultValue = "0",
            description = "Also check so many packets of two senders at once that overflow the TAP's queues."
                    + " Default: ${DEFAULT-VALUE}.")
    private long load;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "Verify the back-end that listens on this socket instead of an emulator made for the run."
                    + " Addresses are added to its TAP and taken away again.")
    private Path socket;

    @Option(
            names = "--namespace",
            paramLabel = "FILE",
            description = "With --socket: the network namespace of its TAP, such as /proc/PID/ns/net. Default: this"
                    + " process's own.")
    private Path namespace;

    @Option(
            names = "--interface",
            paramLabel = "NAME",
            defaultValue = "ringtap0",
            description = "With --socket: its TAP. Default: ${DEFAULT-VALUE}.")
    private String interfaceName;

    @Option(names = "--json", description = "Print one JSON object and nothing else.")
    private boolean json;

    @Option(names = "--all", description = "Show every flow.")
    private boolean all;

    @Option(names = "--break-key", hidden = true, description = "Give the checker a wrong key: the run has to fail.")
    private boolean breakKey;

    @Override
    public Integer call() throws Exception {
        check("--flows", flows, FlowPlan.MIN_FLOWS, FlowPlan.MAX_FLOWS, " (one of every kind)");
        check("--queue-pairs", queuePairs, 1, EmulatorConfig.MAX_QUEUE_PAIRS, "");
        if (load < 0) {
            throw new ParameterException(
                    spec.commandLine(), "--load %d: must be 0, for no load, or more".formatted(load));
        }
        if (interfaceName.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "--interface '': the name is empty (an unset variable?)");
        }
        checkAttachment();
        long chosen = seed != null ? seed : RandomGenerator.getDefault().nextLong(1_000_000_000);
        try {
            tap.resolve("verify", KernelNetwork.NEEDS, hashSource);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage());
        }
        Attachment attachment = socket == null ? null : new Attachment(socket, namespace, interfaceName);
        VerifySettings settings =
                new VerifySettings(queuePairs, flows, chosen, engine, tap, hashSource, load, attachment, breakKey);

        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        boolean terminal = System.console() != null && System.console().isTerminal();
        PrintStream quiet = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        Progress progress = new Progress(json ? quiet : out, terminal);
        progress.line("%,d flows over %d queue pairs, seed %d".formatted(flows, queuePairs, chosen));
        Outcome outcome;
        try {
            outcome = new VerifyRun(settings, progress).run();
        } finally {
            progress.erase();
        }
        if (json) {
            new JsonReport().print(outcome, all, out);
        } else {
            new TextReport(out, Ansi.AUTO).print(outcome, all);
        }
        return outcome.passed() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    /** An emulator that is there already has its TAP, source and engine; what it drops it does not tell. */
    private void checkAttachment() {
        for (String option : socket == null ? ONLY_ATTACHED : ONLY_OWN) {
            if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
                throw new ParameterException(
                        spec.commandLine(),
                        socket == null
                                ? "%s goes with --socket only".formatted(option)
                                : "%s does not go with --socket: the back-end there has its own".formatted(option));
            }
        }
    }

    private void check(String option, int value, int least, int most, String why) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(),
                    "%s %d: must be between %d%s and %d".formatted(option, value, least, why, most));
        }
    }
}
