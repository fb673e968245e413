// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import dev.ringtap.benchmarks.SampleRss;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Our steering program, alone or beside a peer's. */
@Command(
        name = "steering",
        description =
                "Cost of the steering program in the kernel, by BPF_PROG_TEST_RUN: nanoseconds per packet above an"
                        + " empty program. With --peer, another steering program over the same frames, in turns with ours.")
public final class SteeringCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @ArgGroup(exclusive = false)
    private Peer peer;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "21",
            description = "Turns; the figures are medians over them (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "50000",
            description = "Runs over a frame in a turn (default: ${DEFAULT-VALUE}).")
    private int repeat;

    /** Another program to compare with. */
    private static final class Peer {
        @Option(
                names = "--peer",
                paramLabel = "FILE.o",
                required = true,
                description = "A built eBPF object with a steering program.")
        private Path object;

        @Option(
                names = "--peer-description",
                paramLabel = "FILE",
                required = true,
                description = "What its maps need; the format is in docs/benchmarks.md.")
        private Path description;
    }

    @Override
    public Integer call() throws IOException {
        if (rounds < 1 || repeat < 1)
            throw new ParameterException(spec.commandLine(), "--rounds and --repeat must be 1 or more");
        var candidates = new ArrayList<Candidate>();
        try (var empty = Candidate.empty()) {
            candidates.add(Candidate.ringtap());
            if (peer != null) candidates.add(Candidate.peer(peer.object, PeerDescription.read(peer.description)));
            print(candidates, new Comparison(rounds, repeat).run(empty, candidates));
            return 0;
        } finally {
            candidates.forEach(Candidate::close);
        }
    }

    private void print(List<Candidate> candidates, List<Comparison.Row> rows) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        out.printf("ns per packet above an empty program; medians of %d rounds of %,d runs%n", rounds, repeat);
        var header = new StringBuilder("%-24s %8s".formatted("", "(empty)"));
        for (var candidate : candidates) header.append(" %24s".formatted(candidate.title()));
        out.println(candidates.size() > 1 ? header + " %7s".formatted("ratio") : header);
        for (var row : rows) {
            var line = new StringBuilder("%-24s %8d".formatted(row.frame().title(), row.emptyNs()));
            for (int i = 0; i < candidates.size(); i++)
                line.append(" %10.0f -> %10s".formatted(row.netNs()[i], queue(row.queues()[i])));
            if (candidates.size() > 1) line.append(" %7.2f".formatted(row.netNs()[0] / row.netNs()[1]));
            out.println(line);
        }
        for (var candidate : candidates)
            out.printf("%s: %,d instructions verified%n", candidate.title(), candidate.verifiedInstructions());
        out.flush();
    }

    private static String queue(int queue) {
        return queue == SampleRss.UNCLASSIFIED_QUEUE ? "no hash" : "queue " + queue;
    }
}
