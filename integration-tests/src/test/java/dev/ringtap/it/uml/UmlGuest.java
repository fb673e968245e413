// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A User-Mode Linux guest that runs commands for a test.
 *
 * <p>Its serial line is this process's pipe: commands in, answers out. Kernel messages go to a file and into the message
 * of every failure. It runs in a process namespace of its own, since its helper processes survive a mere SIGKILL of the
 * kernel process; they do not survive the namespace.
 */
public final class UmlGuest implements AutoCloseable {
    private static final Duration BOOT_LIMIT = Duration.ofSeconds(60);
    private static final Duration COMMAND_LIMIT = Duration.ofSeconds(60);
    private static final int SEPARATOR = 0x1e;
    /** In place of an exit status: the guest's end closed the line. */
    private static final int LINE_CLOSED = -1;

    private static GuestImage image;

    /** What a command printed (both streams) and its exit status. */
    public record Answer(int status, String output) {}

    private final Process process;
    private final Path directory;
    private final Path kernelLog;
    private final BlockingQueue<Answer> answers = new LinkedBlockingQueue<>();

    private UmlGuest(Process process, Path directory, Path kernelLog) {
        this.process = process;
        this.directory = directory;
        this.kernelLog = kernelLog;
        Thread.ofVirtual().name("uml-serial-line").start(this::readAnswers);
    }

    /** Boots a guest without a device. */
    public static UmlGuest boot() throws IOException, InterruptedException {
        return boot(List.of());
    }

    /** Boots a guest with a network device (virtio id 1) on each vhost-user socket; eth0 is the first. */
    public static UmlGuest boot(List<Path> sockets) throws IOException, InterruptedException {
        GuestImage bootImage = image();
        Path directory = Files.createTempDirectory(target(), "uml-");
        Path kernelLog = directory.resolve("kernel.log");
        List<String> command = new ArrayList<>(List.of(
                "unshare",
                "--pid",
                "--mount-proc",
                "--fork",
                "--kill-child",
                "setarch",
                // UML maps its memory at fixed addresses
                "-R"));
        command.addAll(bootImage.kernel());
        command.addAll(List.of(
                "mem=128M",
                "initrd=" + bootImage.initramfs(),
                "rdinit=/init",
                "uml_dir=" + directory,
                "con=null",
                "con0=null,fd:2",
                "ssl=null",
                "ssl0=fd:0,fd:1",
                "noreboot"));
        command.addAll(bootImage.environment());
        for (Path socket : sockets) {
            command.add("virtio_uml.device=" + socket + ":1");
        }
        Process process =
                new ProcessBuilder(command).redirectError(kernelLog.toFile()).start();
        var guest = new UmlGuest(process, directory, kernelLog);
        try {
            Answer ready = guest.await(BOOT_LIMIT, "boot");
            if (ready.status() != 0) {
                throw guest.failure("not every module could be loaded");
            }
            return guest;
        } catch (RuntimeException | Error e) {
            guest.close();
            throw e;
        }
    }

    /**
     * Runs a command line in the guest's shell (BusyBox) and waits for its end.
     *
     * @return what it printed, without surrounding blanks
     * @throws AssertionError if its exit status is not 0 or a minute passes
     */
    public String run(String command) {
        return run(command, COMMAND_LIMIT);
    }

    /** As {@link #run(String)} with a limit of its own. */
    public String run(String command, Duration limit) {
        Answer answer = tryRun(command, limit);
        if (answer.status() != 0) {
            throw failure("exit status " + answer.status() + " from: " + command + "\n" + answer.output());
        }
        return answer.output().strip();
    }

    /** Runs a command line and hands back its exit status too. */
    public Answer tryRun(String command) {
        return tryRun(command, COMMAND_LIMIT);
    }

    private Answer tryRun(String command, Duration limit) {
        send(command);
        return await(limit, command);
    }

    private void send(String command) {
        try {
            process.getOutputStream().write((command + "\n").getBytes(UTF_8));
            process.getOutputStream().flush();
        } catch (IOException e) {
            throw failure("the guest is gone before: " + command);
        }
    }

    /** Powers the guest off as its user would and waits until all of it is gone. */
    public void powerOff() throws InterruptedException {
        send("poweroff -f");
        if (!process.waitFor(30, SECONDS)) {
            throw failure("still running 30 s after poweroff");
        }
        if (process.exitValue() != 0) {
            throw failure("exit status " + process.exitValue() + " after poweroff");
        }
    }

    /** SIGKILL to the guest's kernel; returns when every process of it is gone. */
    public void kill() {
        // The child is process 1 of the namespace: its end takes all others, and unshare waits for it.
        process.children().forEach(ProcessHandle::destroyForcibly);
        process.onExit().completeOnTimeout(process, 10, SECONDS).join();
        process.destroyForcibly().onExit().join();
    }

    public boolean isRunning() {
        return process.isAlive();
    }

    /** The last lines of the kernel's messages. */
    public String kernelTail() {
        try {
            List<String> lines = Files.readAllLines(kernelLog);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 30), lines.size()));
        } catch (IOException e) {
            return "(" + e + ")";
        }
    }

    /** Kills the guest if it still runs and removes its files. */
    @Override
    public void close() throws IOException {
        kill();
        try (var files = Files.walk(directory)) {
            for (Path file : files.toList().reversed()) {
                Files.delete(file);
            }
        }
    }

    private Answer await(Duration limit, String what) {
        try {
            Answer answer = answers.poll(limit.toMillis(), MILLISECONDS);
            if (answer == null) {
                throw failure("no answer within " + limit.toSeconds() + " s to: " + what);
            }
            if (answer.status() == LINE_CLOSED) {
                answers.add(answer);
                throw failure("the guest ended during: " + what + "\n" + answer.output());
            }
            return answer;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failure("interrupted while waiting for: " + what);
        }
    }

    private AssertionError failure(String what) {
        return new AssertionError("guest: " + what + "\n--- the guest's kernel, last lines ---\n" + kernelTail());
    }

    private void readAnswers() {
        var text = new ByteArrayOutputStream();
        try (InputStream in = process.getInputStream()) {
            boolean inStatus = false;
            String output = "";
            for (int b = in.read(); b >= 0; b = in.read()) {
                if (b == SEPARATOR) {
                    output = text.toString(UTF_8);
                    text.reset();
                    inStatus = true;
                } else if (inStatus && b == '\n') {
                    answers.add(new Answer(Integer.parseInt(text.toString(UTF_8)), output));
                    text.reset();
                    inStatus = false;
                } else {
                    text.write(b);
                }
            }
        } catch (IOException e) {
            text.writeBytes(("(" + e + ")").getBytes(UTF_8));
        }
        answers.add(new Answer(LINE_CLOSED, text.toString(UTF_8)));
    }

    private static synchronized GuestImage image() throws IOException, InterruptedException {
        if (image == null) {
            Path directory = target().resolve("guest");
            Files.createDirectories(directory);
            image = GuestImage.build(directory);
        }
        return image;
    }

    private static Path target() {
        return Path.of(System.getProperty("basedir", "."), "target").toAbsolutePath();
    }
}
