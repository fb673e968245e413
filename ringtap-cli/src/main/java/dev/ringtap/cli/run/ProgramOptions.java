// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.FileFault;
import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.linux.bpf.KernelTapPrograms;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options that give the TAP programs of the user's own. */
final class ProgramOptions {
    @Option(
            names = "--steering",
            paramLabel = "FILE[:PROGRAM]",
            description =
                    "eBPF object with a program that chooses the queue, instead of RSS, which is then not offered."
                            + " PROGRAM is the name of a program or of its section, if there are several.")
    private String steering;

    @Option(
            names = "--filter",
            paramLabel = "FILE[:PROGRAM]",
            description = "eBPF object with a program that says how many bytes of a frame from the host get through;"
                    + " 0 drops it.")
    private String filter;

    @Option(
            names = "--map",
            paramLabel = "NAME=FILE",
            description =
                    "What a map of these programs holds at first; may be repeated. Lines 'KEY = VALUE', or, if the"
                            + " file's name ends in .bin, the values of an array.")
    private List<String> maps = List.of();

    @Option(
            names = "--verifier-log",
            paramLabel = "FILE",
            description = "Where to write all that the kernel's verifier says if it refuses a program.")
    private Path verifierLog;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    /** Reads what the options name; without them there is no program. */
    TapPrograms read() throws IOException {
        checkSource("--steering", steering);
        checkSource("--filter", filter);
        if (steering == null && filter == null && !maps.isEmpty())
            throw usage("--map '%s': there is no program with maps; give one by --steering or --filter"
                    .formatted(maps.getFirst()));
        try {
            return TapPrograms.read(steering, Set.of(ProgramType.SOCKET_FILTER), filter, mapFiles());
        } catch (BpfException e) {
            throw usage(e.getMessage());
        }
    }

    private void checkSource(String option, String source) {
        // An empty path would be the working directory.
        if (source != null && (source.isEmpty() || source.startsWith(":")))
            throw usage("%s '%s': the file's name is empty; expected FILE[:PROGRAM]".formatted(option, source));
    }

    /** Loads programs, and writes down what the verifier says if it refuses one. */
    KernelTapPrograms load(TapPrograms programs) throws IOException {
        try {
            return KernelTapPrograms.load(programs);
        } catch (BpfException e) {
            if (verifierLog != null) writeLog(e.verifierLog());
            throw e;
        }
    }

    /** Says if that fails, besides the refusal itself, which matters more. */
    private void writeLog(String log) {
        try {
            Files.writeString(verifierLog, log);
        } catch (IOException e) {
            spec.commandLine()
                    .getErr()
                    .println("ringtap: --verifier-log %s: cannot be written: %s"
                            .formatted(verifierLog, FileFault.reason(verifierLog, e)));
        }
    }

    private Map<String, Path> mapFiles() {
        var files = new LinkedHashMap<String, Path>();
        for (String map : maps) {
            int sign = map.indexOf('=');
            if (sign < 1 || sign == map.length() - 1) throw usage("--map '%s': expected NAME=FILE".formatted(map));
            if (files.put(map.substring(0, sign), Path.of(map.substring(sign + 1))) != null)
                throw usage("--map '%s': this map has a file already".formatted(map));
        }
        return files;
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
