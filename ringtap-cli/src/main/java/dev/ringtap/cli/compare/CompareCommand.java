// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.FileFault;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.virtio.net.HashType;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.random.RandomGenerator;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ringtap compare}. */
@Command(
        name = "compare",
        sortOptions = false,
        description = {
            "The same traffic under every design that steers and hashes.",
            "Runs the hash sources of the kernel's TAP and the designs that kernel developers debated, on an emulated TAP, "
                    + "with the same packets, key and table. Checks that each packet gets the same queue and hash from all "
                    + "of them, the ones that an independent checker expects, and shows what a packet costs. What cannot "
                    + "run on this host is shown with the reason. Leaves nothing behind."
        },
        footer = {"", "Exit code: 0 if all agree, 1 if not or if it cannot run, 2 for wrong usage."})
public final class CompareCommand implements Callable<Integer> {
    private static final String ERASE_LINE = "\r\033[K";
    private static final int MAX_PACKETS = 100_000;
    private static final int MAX_PASSES = 1_000;
    private static final int MAX_MEASURED_RUNS = 10_000_000;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--flows",
            paramLabel = "N",
            defaultValue = "600",
            description = "How many flows; every kind gets a share. Default: ${DEFAULT-VALUE}.")
    private int flows;

    @Option(
            names = "--packets",
            paramLabel = "N",
            defaultValue = "3000",
            description = "How many packets of them in a pass. Default: ${DEFAULT-VALUE}.")
    private int packets;

    @Option(
            names = "--passes",
            paramLabel = "N",
            defaultValue = "9",
            description = "How often every design gets them; figures are medians. Default: ${DEFAULT-VALUE}.")
    private int passes;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Seed of flows, key and table, to repeat a run. Default: a new one, which is printed.")
    private Long seed;

    @Option(
            names = "--hash-types",
            paramLabel = "TYPE",
            split = ",",
            description =
                    "Hash types of the configuration, separated by commas: ${COMPLETION-CANDIDATES}. A kernel with "
                            + "RSS of its own may know fewer than all. Default: all.")
    private Set<HashType> hashTypes = EnumSet.allOf(HashType.class);

    @Option(
            names = "--queue-pairs",
            paramLabel = "N",
            defaultValue = "4",
            description = "Queue pairs of each device, 2 to " + EmulatorConfig.MAX_QUEUE_PAIRS
                    + ". Default: ${DEFAULT-VALUE}.")
    private int queuePairs;

    @Option(names = "--engine", paramLabel = "ENGINE", defaultValue = "auto", description = EngineChoice.DESCRIPTION)
    private EngineChoice engine;

    @Option(names = "--svg", paramLabel = "FILE", description = "Draw the comparison into a file.")
    private Path svg;

    @Option(names = "--json", description = "Print one JSON object and nothing else.")
    private boolean json;

    @Option(
            names = "--measured-runs",
            hidden = true,
            paramLabel = "N",
            defaultValue = "30000",
            description = "How often a step is run to measure it once: fewer for a test that does not look at figures.")
    private int measuredRuns;

    @Option(
            names = "--break-design",
            hidden = true,
            paramLabel = "DESIGN",
            description = "Give one design a wrong key: the run has to fail.")
    private Design broken;

    @Override
    public Integer call() throws Exception {
        check("--flows", flows, FlowPlan.MIN_FLOWS, MAX_PACKETS, " (one of every kind)");
        check("--packets", packets, flows, MAX_PACKETS, " (one of every flow)");
        check("--passes", passes, 1, MAX_PASSES, "");
        check("--queue-pairs", queuePairs, 2, EmulatorConfig.MAX_QUEUE_PAIRS, " (a TAP with one queue steers nothing)");
        check("--measured-runs", measuredRuns, 1, MAX_MEASURED_RUNS, "");
        if (svg != null) {
            checkWritable();
        }
        long chosen = seed != null ? seed : RandomGenerator.getDefault().nextLong(1_000_000_000);
        int types = hashTypes.stream().mapToInt(HashType::mask).reduce(0, (mask, type) -> mask | type);
        CompareSettings settings =
                new CompareSettings(queuePairs, flows, packets, passes, types, measuredRuns, chosen, engine, broken);

        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        boolean terminal = System.console() != null && System.console().isTerminal();
        if (!json) {
            out.printf("%,d packets of %,d flows, %d passes, seed %d%n", packets, flows, passes, chosen);
        }
        Comparison comparison = run(settings, out, terminal && !json);
        if (json) {
            new JsonReport().print(comparison, out);
        } else {
            new TextReport(out, Ansi.AUTO, terminal).print(comparison);
        }
        if (svg != null) {
            draw(comparison);
        }
        return comparison.passed() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private static Comparison run(CompareSettings settings, PrintStream out, boolean showStatus) throws Exception {
        if (!showStatus) {
            return new CompareRun(settings, status -> {}).run();
        }
        try {
            return new CompareRun(settings, status -> out.print(ERASE_LINE + status)).run();
        } finally {
            out.print(ERASE_LINE);
        }
    }

    /** Before the run, which takes long: opens the file, or makes it, and leaves all as it was. */
    private void checkWritable() throws CommandException {
        try {
            if (Files.isRegularFile(svg) || Files.isDirectory(svg)) {
                Files.newByteChannel(svg, StandardOpenOption.WRITE).close();
            } else if (!Files.exists(svg, LinkOption.NOFOLLOW_LINKS)) {
                Files.createFile(svg);
                Files.delete(svg);
            }
            // Whoever reads a pipe would take its closing for the end.
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private void draw(Comparison comparison) throws CommandException {
        try {
            Files.writeString(svg, SvgChart.of(comparison));
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private CommandException unwritable(IOException e) {
        return new CommandException("--svg %s: cannot be written: %s".formatted(svg, FileFault.reason(svg, e)), e);
    }

    private void check(String option, int value, int least, int most, String why) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(),
                    "%s %d: must be between %d%s and %d".formatted(option, value, least, why, most));
        }
    }
}
