// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A guest under QEMU, without KVM, that boots, runs its one program and powers off. */
final class KernelGuest {
    private static final Duration LIMIT = Duration.ofMinutes(4);

    /** Without no_timer_check a kernel gives up at once if the host is too busy to deliver its first timer interrupts. */
    private static final String KERNEL_PARAMETERS = "console=ttyS0 panic=-1 quiet no_timer_check rdinit=/init";

    private KernelGuest() {}

    /**
     * Runs a guest to its end.
     *
     * @param directory receives the guest's console as a file
     * @return what the program printed
     * @throws AssertionError if the guest does not power off in time; with the ends of program output and console
     */
    static List<String> run(GuestKernel kernel, Path initramfs, Path directory)
            throws IOException, InterruptedException {
        Path console = directory.resolve("console-" + kernel.series() + ".log");
        Path output = directory.resolve("output-" + kernel.series() + ".log");
        Process process = new ProcessBuilder(
                        "qemu-system-x86_64",
                        "-machine",
                        "q35",
                        "-accel",
                        "tcg",
                        "-m",
                        "512",
                        "-nographic",
                        "-nodefaults",
                        "-no-reboot",
                        "-serial",
                        "file:" + console,
                        "-serial",
                        "file:" + output,
                        "-kernel",
                        kernel.image().toString(),
                        "-initrd",
                        initramfs.toString(),
                        "-append",
                        KERNEL_PARAMETERS)
                .redirectErrorStream(true)
                .redirectOutput(
                        directory.resolve("qemu-" + kernel.series() + ".log").toFile())
                .start();
        try {
            process.getOutputStream().close();
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError(kernel + ": still running after " + LIMIT.toSeconds() + " s\n--- output\n"
                        + tail(output) + "\n--- console\n" + tail(console));
            }
            if (process.exitValue() != 0) {
                throw new AssertionError(kernel + ": QEMU ended with exit status " + process.exitValue() + "\n"
                        + tail(directory.resolve("qemu-" + kernel.series() + ".log")));
            }
            List<String> lines = lines(output);
            if (lines.isEmpty()) {
                throw new AssertionError(kernel + ": the program printed nothing\n--- console\n" + tail(console));
            }
            return lines;
        } finally {
            process.destroyForcibly().waitFor();
        }
    }

    private static List<String> lines(Path file) throws IOException {
        // The console's first bytes are the firmware's, of no character set.
        return Files.exists(file)
                ? new String(Files.readAllBytes(file), UTF_8).lines().toList()
                : List.of();
    }

    private static String tail(Path file) throws IOException {
        List<String> lines = lines(file);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
    }
}
