// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import dev.ringtap.it.initramfs.CpioArchive;
import dev.ringtap.it.initramfs.InstalledPrograms;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A User-Mode Linux kernel and an initramfs for it, made from what is installed: BusyBox, ethtool with its libraries,
 * the kernel's modules for a virtio network device and IPv6, and our programs of {@code src/test/guest}.
 *
 * @param kernel the command that starts {@code linux.uml}
 * @param initramfs gzip-compressed cpio archive
 * @param environment {@code NAME=value} for the guest's processes, as arguments of its kernel
 */
record GuestImage(List<String> kernel, Path initramfs, List<String> environment) {
    private static final Path HOST_SOURCES =
            Path.of(System.getProperty("basedir", ".")).resolve("src/test/host");
    /** Makes glibc pass over its functions for registers that {@code small-fpu.c} takes away. */
    private static final String NARROW_REGISTERS = "GLIBC_TUNABLES=glibc.cpu.hwcaps="
            + "-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-XSAVEC";

    private static final Path SOURCES =
            Path.of(System.getProperty("basedir", ".")).resolve("src/test/guest");

    /** Says what is not installed, or nothing if a guest can be made. */
    static Optional<String> missing() {
        if (findKernel().isEmpty()) {
            return Optional.of("no linux.uml in PATH or -Dringtap.uml (Debian: user-mode-linux)");
        }
        return Stream.of("busybox", "ethtool", "gcc", "ldd", "setarch", "unshare")
                .filter(program -> InstalledPrograms.find(program).isEmpty())
                .map(program -> "no " + program + " in PATH")
                .findFirst();
    }

    /** Builds the initramfs in a directory. */
    static GuestImage build(Path directory) throws IOException, InterruptedException {
        Path kernel = findKernel().orElseThrow();
        String version =
                InstalledPrograms.outputOf(kernel.toString(), "--version").strip();
        Path modules = Path.of(System.getProperty("ringtap.uml.modules", "/usr/lib/uml/modules"))
                .resolve(version);

        var archive = new CpioArchive();
        for (String directoryName : List.of("dev", "proc", "sys", "tmp")) {
            archive.directory(directoryName);
        }
        archive.executable("init", SOURCES.resolve("init"));
        archive.executable("bin/busybox", InstalledPrograms.find("busybox").orElseThrow());
        archive.dynamicExecutable(
                "usr/sbin/ethtool", InstalledPrograms.find("ethtool").orElseThrow());
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
        if (!processorHas("amx_tile")) {
            return new GuestImage(List.of(kernel.toString()), initramfs, List.of());
        }
        Path launcher = compile(HOST_SOURCES.resolve("small-fpu.c"), directory.resolve("small-fpu"));
        return new GuestImage(List.of(launcher.toString(), kernel.toString()), initramfs, List.of(NARROW_REGISTERS));
    }

    private static void addCompiled(CpioArchive archive, Path directory, String program)
            throws IOException, InterruptedException {
        archive.executable("bin/" + program, compile(SOURCES.resolve(program + ".c"), directory.resolve(program)));
    }

    /** Static: the guest has no C library of its own, save what ethtool brings. */
    private static Path compile(Path source, Path executable) throws IOException, InterruptedException {
        InstalledPrograms.outputOf(
                "gcc", "-O2", "-Wall", "-Wextra", "-static", "-o", executable.toString(), source.toString());
        return executable;
    }

    /** Whether a flag of /proc/cpuinfo is there. */
    private static boolean processorHas(String flag) {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.anyMatch(line ->
                    line.startsWith("flags") && List.of(line.split("\\s+")).contains(flag));
        } catch (IOException e) {
            return false;
        }
    }

    private static Optional<Path> findKernel() {
        String named = System.getProperty("ringtap.uml");
        return named == null
                ? InstalledPrograms.find("linux.uml")
                : Optional.of(Path.of(named)).filter(Files::isExecutable);
    }
}
