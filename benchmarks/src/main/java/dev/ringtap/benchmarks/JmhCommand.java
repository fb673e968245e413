// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/** Hands its arguments to JMH. */
@Command(
        name = "jmh",
        description =
                "Runs JMH benchmarks; arguments are JMH's own, such as a regular expression of names, -f 1 or -l.")
public final class JmhCommand implements Callable<Integer> {
    @Unmatched
    private final List<String> arguments = new ArrayList<>();

    @Override
    public Integer call() throws Exception {
        var options = new CommandLineOptions(arguments.toArray(String[]::new));
        var runner = new Runner(options);
        if (options.shouldList()) {
            runner.list();
        } else {
            runner.run();
        }
        return 0;
    }
}
