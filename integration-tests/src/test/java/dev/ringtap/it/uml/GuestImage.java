// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A User-Mode Linux kernel and an initramfs for it, made from what is installed: BusyBox, ethtool with its libraries,
 * the kernel's modules for a virtio network device and IPv6, and our programs of {@code src/test/guest}.
 *
 * @param kernel the {@code linux.uml} executable
 * @param initramfs gzip-compressed cpio archive
 */
record GuestImage(Path kernel, Path initramfs) {
    private static final Path SOURCES =
            Path.of(System.getProperty("basedir", ".")).resolve("src/test/guest");

    /** Says what is not installed, or nothing if a guest can be made. */
    static Optional<String> missing() {
        if (findKernel().isEmpty()) {
            return Optional.of("no linux.uml in PATH or -Dringtap.uml (Debian: user-mode-linux)");
        }
        return Stream.of("busybox", "ethtool", "gcc", "ldd", "setarch", "unshare")
                .filter(program -> findProgram(program).isEmpty())
                .map(program -> "no " + program + " in PATH")
                .findFirst();
    }

    /** Builds the initramfs in a directory. */
    static GuestImage build(Path directory) throws IOException, InterruptedException {
        Path kernel = findKernel().orElseThrow();
        String version = outputOf(kernel.toString(), "--version").strip();
        Path modules = Path.of(System.getProperty("ringtap.uml.modules", "/usr/lib/uml/modules"))
                .resolve(version);

        var archive = new CpioArchive();
        for (String directoryName : List.of("dev", "proc", "sys", "tmp")) {
            archive.directory(directoryName);
        }
        archive.executable("init", SOURCES.resolve("init"));
        archive.executable("bin/busybox", findProgram("busybox").orElseThrow());
        addDynamic(archive, "usr/sbin/ethtool", findProgram("ethtool").orElseThrow());
        addCompiled(archive, directory, "rxhash");
        addCompiled(archive, directory, "tcpstream");

        var order = new StringBuilder();
        for (Path module : new KernelModules(modules).loadOrder("virtio_net", "ipv6")) {
            String target = "lib/modules/" + module.getFileName();
            archive.file(target, 0644, Files.readAllBytes(module));
            order.append('/').append(target).append('\n');
        }
        archive.file("etc/modules", 0644, order.toString().getBytes(StandardCharsets.UTF_8));

        Path initramfs = directory.resolve("initramfs.gz");
        archive.writeGzipTo(initramfs);
        return new GuestImage(kernel, initramfs);
    }

    private static void addCompiled(CpioArchive archive, Path directory, String program)
            throws IOException, InterruptedException {
        Path executable = directory.resolve(program);
        // Static: the guest has no C library of its own, save what ethtool brings.
        outputOf(
                "gcc",
                "-O2",
                "-Wall",
                "-Wextra",
                "-static",
                "-o",
                executable.toString(),
                SOURCES.resolve(program + ".c").toString());
        archive.executable("bin/" + program, executable);
    }

    /** Adds a program with the loader and libraries that ldd names, at the very paths it names. */
    private static void addDynamic(CpioArchive archive, String target, Path program)
            throws IOException, InterruptedException {
        archive.executable(target, program);
        Matcher libraries =
                Pattern.compile("(?m)^\\s+(?:\\S+ => )?(/\\S+) \\(0x").matcher(outputOf("ldd", "" + program));
        while (libraries.find()) {
            Path library = Path.of(libraries.group(1));
            archive.executable(library.toString().substring(1), library);
        }
    }

    private static Optional<Path> findKernel() {
        String named = System.getProperty("ringtap.uml");
        return named == null
                ? findProgram("linux.uml")
                : Optional.of(Path.of(named)).filter(Files::isExecutable);
    }

    private static Optional<Path> findProgram(String name) {
        return Stream.concat(
                        Stream.of(System.getenv().getOrDefault("PATH", "").split(":")),
                        // ethtool is there, which is not in every user's PATH
                        Stream.of("/usr/sbin", "/sbin"))
                .filter(directory -> !directory.isEmpty())
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static String outputOf(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed:\n" + output);
        }
        return output;
    }
}
