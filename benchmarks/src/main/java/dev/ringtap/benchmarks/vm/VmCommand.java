// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.vm;

import dev.ringtap.benchmarks.SampleFrame;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The steering program under {@code ebpf-vm} beside the kernel. */
@Command(
        name = "vm",
        description = "The steering program's object run by ebpf-vm, compiled and interpreted, beside the kernel's JIT:"
                + " nanoseconds per packet and the ratio. Runs SteeringVmBenchmark of JMH in rounds.")
public final class VmCommand implements Callable<Integer> {
    private static final String TRAFFIC = "traffic";

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "3",
            description = "How often everything runs, each time in new JVMs; the figures are medians (default:"
                    + " ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--traffic", split = ",", description = "Only these frames: ${COMPLETION-CANDIDATES}.")
    private List<SampleFrame> traffic = List.of(SampleFrame.values());

    @Override
    public Integer call() throws RunnerException {
        if (rounds < 1) throw new ParameterException(spec.commandLine(), "--rounds must be 1 or more");
        var scores = new HashMap<SampleFrame, Map<String, List<Double>>>();
        for (int round = 0; round < rounds; round++)
            for (RunResult result : new Runner(options()).run()) {
                String benchmark = result.getParams().getBenchmark();
                scores.computeIfAbsent(SampleFrame.valueOf(result.getParams().getParam(TRAFFIC)), f -> new HashMap<>())
                        .computeIfAbsent(benchmark.substring(benchmark.lastIndexOf('.') + 1), b -> new ArrayList<>())
                        .addAll(iterations(result));
            }
        print(scores);
        return 0;
    }

    /** One by one: their median stands a disturbance that their mean would not. */
    private static List<Double> iterations(RunResult result) {
        return result.getBenchmarkResults().stream()
                .flatMap(fork -> fork.getIterationResults().stream())
                .map(iteration -> iteration.getPrimaryResult().getScore())
                .toList();
    }

    private Options options() {
        return new OptionsBuilder()
                .include("\\b" + SteeringVmBenchmark.class.getSimpleName() + "\\b")
                .param(TRAFFIC, traffic.stream().map(Enum::name).toArray(String[]::new))
                .verbosity(VerboseMode.SILENT)
                .shouldFailOnError(true)
                .build();
    }

    private void print(Map<SampleFrame, Map<String, List<Double>>> scores) {
        PrintWriter out = spec.commandLine().getOut();
        out.printf("ns per packet; medians of the iterations of %d rounds%n", rounds);
        out.printf(
                "%-24s %10s %12s %10s %10s %16s%n",
                "", "compiled", "interpreted", "kernel", "(empty)", "compiled/kernel");
        for (var frame : traffic) {
            var row = scores.get(frame);
            double compiled = median(row.get("compiled"));
            double kernel = median(row.get("kernel"));
            out.printf(
                    "%-24s %10.1f %12.1f %10.1f %10.1f %16.2f%n",
                    frame.title(),
                    compiled,
                    median(row.get("interpreted")),
                    kernel,
                    median(row.get("kernelEmpty")),
                    compiled / kernel);
        }
        out.flush();
    }

    private static double median(List<Double> values) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
