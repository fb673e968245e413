// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static java.util.concurrent.TimeUnit.SECONDS;

import dev.ringtap.linux.net.NetworkNamespace;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** The command {@code ringtap} as a user runs it: a process of its own, heard only by its output and exit status. */
public final class RingtapProcess implements AutoCloseable {
    private static final long START_LIMIT_S = 60;
    private static final long STOP_LIMIT_S = 120;

    private final Process process;
    private final Path outputFile;
    private final String commandLine;

    private RingtapProcess(Process process, Path outputFile, String commandLine) {
        this.process = process;
        this.outputFile = outputFile;
        this.commandLine = commandLine;
    }

    /** Starts {@code ringtap} with these arguments in a network namespace. */
    public static RingtapProcess start(NetworkNamespace namespace, String... arguments) throws Exception {
        return start(namespace, List.of(), arguments);
    }

    /** As above, behind a command that runs its arguments, such as {@code setpriv}. */
    static RingtapProcess start(NetworkNamespace namespace, List<String> wrapper, String... arguments)
            throws Exception {
        return start(namespace::call, wrapper, arguments);
    }

    /** As above, in the namespace of the tests. */
    static RingtapProcess start(List<String> wrapper, String... arguments) throws Exception {
        return start(Callable::call, wrapper, arguments);
    }

    @FunctionalInterface
    private interface Starter {
        Process start(Callable<Process> process) throws Exception;
    }

    private static RingtapProcess start(Starter starter, List<String> wrapper, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(wrapper);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("--sun-misc-unsafe-memory-access=allow");
        command.add("-cp");
        command.add(productClassPath());
        command.add("dev.ringtap.cli.Main");
        command.addAll(List.of(arguments));
        return start(starter, command, "ringtap " + String.join(" ", arguments));
    }

    /** Starts a command that runs {@code ringtap} in its own way. */
    static RingtapProcess startCommand(NetworkNamespace namespace, List<String> command) throws Exception {
        return start(namespace::call, command, String.join(" ", command));
    }

    private static RingtapProcess start(Starter starter, List<String> command, String title) throws Exception {
        Path output = Files.createTempFile("ringtap-it-", ".log");
        var builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(new File("/dev/null"))
                .redirectOutput(output.toFile());
        // The child is born into the namespace of the thread that starts it.
        Process process = starter.start(builder::start);
        return new RingtapProcess(process, output, title);
    }

    /** Waits until the process listens on a socket. */
    void awaitSocket(Path socket) throws InterruptedException {
        long deadline = System.nanoTime() + SECONDS.toNanos(START_LIMIT_S);
        while (!Files.exists(socket)) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw failure("does not listen on " + socket);
            }
            Thread.sleep(20);
        }
    }

    /** Waits until its output contains a text. */
    void awaitOutput(String text) throws InterruptedException {
        long deadline = System.nanoTime() + SECONDS.toNanos(STOP_LIMIT_S);
        while (!output().contains(text)) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw failure("has not said: " + text);
            }
            Thread.sleep(20);
        }
    }

    /** Sends SIGTERM; its exit status. */
    int terminate() throws InterruptedException {
        askToEnd();
        return awaitExit();
    }

    /** Sends SIGTERM, and does not wait. */
    void askToEnd() {
        process.destroy();
    }

    /** Sends SIGKILL, of which it learns nothing, and waits until it is gone with all its descriptors. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        awaitExit();
    }

    /** Waits for its own end; its exit status. */
    public int awaitExit() throws InterruptedException {
        if (!process.waitFor(STOP_LIMIT_S, SECONDS)) {
            throw failure("still runs");
        }
        return process.exitValue();
    }

    boolean isRunning() {
        return process.isAlive();
    }

    /** How many descriptors it has open. */
    int openDescriptors() {
        String[] descriptors = new File("/proc/" + process.pid() + "/fd").list();
        return descriptors == null ? 0 : descriptors.length;
    }

    /** All it has printed so far, both streams. */
    public String output() {
        try {
            return Files.readString(outputFile);
        } catch (IOException e) {
            return "(" + e + ")";
        }
    }

    AssertionError failure(String what) {
        return new AssertionError(describe(what));
    }

    /** Command line, a remark, whether it runs, and all its output. */
    public String describe(String remark) {
        String state = process.isAlive() ? "running" : "exit status " + process.exitValue();
        return commandLine + ": " + remark + " (" + state + ")\n--- its output ---\n" + output();
    }

    /** Kills it if it still runs. */
    @Override
    public void close() throws IOException {
        process.destroyForcibly().onExit().join();
        Files.deleteIfExists(outputFile);
    }

    /** What the launcher would use: this class path without the tests. */
    private static String productClassPath() {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return Arrays.stream(all.split(File.pathSeparator))
                .filter(entry -> !entry.contains("integration-tests" + File.separator + "target"))
                .collect(Collectors.joining(File.pathSeparator));
    }
}
