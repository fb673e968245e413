// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The Docker engine that answers, as its own command-line client tells of it. Testcontainers could be asked, too, and would
 * fill pages with what it tried where there is none.
 */
final class Engine {
    /** The runtime that {@code .ci/docker} registers where an engine does not know BPF and PERFMON by name. */
    static final String CAPABILITIES_RUNTIME = "capabilities";
    /** What that runtime reads names of capabilities from. */
    static final String CAPABILITIES_VARIABLE = "ENGINE_CAP_ADD";
    /** The first engine that knows BPF and PERFMON; before it they are part of SYS_ADMIN. */
    private static final int KNOWS_BPF = 23;

    private static final String NONE = "no Docker engine answers (docker info)";
    private static final long ANSWER_LIMIT_S = 30;
    private static Engine instance;

    private final String version;
    private final String kernel;
    private final String securityOptions;
    private final String runtimes;
    private final List<String> compose;

    private Engine() {
        String format = "{{.ServerVersion}}\n{{.KernelVersion}}\n{{json .SecurityOptions}}\n{{json .Runtimes}}";
        String answer = output("docker", "info", "--format", format);
        // Some clients know no engine and still end with 0.
        List<String> lines = answer == null ? List.of() : answer.lines().toList();
        boolean answers = lines.size() >= 4 && !lines.getFirst().isBlank();
        version = answers ? lines.get(0) : "";
        kernel = answers ? lines.get(1) : "";
        securityOptions = answers ? lines.get(2) : "";
        runtimes = answers ? lines.get(3) : "";
        compose = compose(answers);
    }

    static synchronized Engine instance() {
        if (instance == null) {
            instance = new Engine();
        }
        return instance;
    }

    private static List<String> compose(boolean answers) {
        if (answers && output("docker", "compose", "version") != null) {
            return List.of("docker", "compose");
        }
        return answers && output("docker-compose", "version") != null ? List.of("docker-compose") : List.of();
    }

    /** Why no container can be run, or null. */
    String missing() {
        return version.isEmpty() ? NONE : null;
    }

    /** Why the engine's containers are not processes of this machine with its users and its privileges, or null. */
    String missingNative() {
        if (!kernel.equals(kernelOfThisMachine())) {
            return "the engine's kernel, " + kernel + ", is not this machine's: memory and eventfds do not pass";
        }
        if (securityOptions.contains("name=rootless") || securityOptions.contains("name=userns")) {
            return "the engine's containers are in a user namespace";
        }
        return null;
    }

    /** Why a container cannot make a TAP, or null. */
    String missingTap() {
        String device = RingtapContainer.TUN;
        return Files.exists(Path.of(device)) ? missingNative() : "there is no " + device + " to hand in";
    }

    /** Why a container cannot have the capabilities BPF and PERFMON by name, or null. */
    String missingBpfByName() {
        return knowsBpf() || runtimes.contains("\"" + CAPABILITIES_RUNTIME + "\"")
                ? null
                : "the engine, " + version + ", does not know CAP_BPF, nor has it the runtime of .ci/docker for that";
    }

    /** Why there is no Compose, or null. */
    String missingCompose() {
        return compose.isEmpty() ? "there is neither docker compose nor docker-compose" : null;
    }

    /** Whether the engine itself gives a container BPF and PERFMON. */
    boolean knowsBpf() {
        return Integer.parseInt(version.substring(0, version.indexOf('.'))) >= KNOWS_BPF;
    }

    /** The command that is Compose here, in words. */
    List<String> compose() {
        return compose;
    }

    private static String kernelOfThisMachine() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip();
        } catch (IOException e) {
            return "";
        }
    }

    /** What a command prints, or null if there is none of that name, it fails or does not end. */
    private static String output(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            try {
                // Less than a pipe holds, so it ends without being read.
                boolean ended = process.waitFor(ANSWER_LIMIT_S, TimeUnit.SECONDS);
                return ended && process.exitValue() == 0
                        ? new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                        : null;
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
