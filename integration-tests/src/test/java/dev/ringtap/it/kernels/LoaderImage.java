// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import dev.ringtap.it.initramfs.CpioArchive;
import dev.ringtap.it.initramfs.InstalledPrograms;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/**
 * Builds the initramfs of a guest that runs a Java program: BusyBox, a Java runtime of the few modules that are needed,
 * the classes, and the modules of every kernel that is to be booted with it.
 */
final class LoaderImage {
    private static final Path INIT = Path.of(System.getProperty("basedir", ".")).resolve("src/test/guest/init-loader");

    /** The loader's and JNA's. */
    private static final String JAVA_MODULES = "java.base,java.logging";

    private LoaderImage() {}

    /** Says what is missing on this host, or nothing if a guest can be made. */
    static Optional<String> missing() {
        if (!System.getProperty("os.arch").equals("amd64")) {
            return Optional.of(
                    "the guests are x86-64, and their Java runtime is this one: " + System.getProperty("os.arch"));
        }
        if (ToolProvider.findFirst("jlink").isEmpty()) {
            return Optional.of("this Java runtime has no jlink");
        }
        if (GuestKernel.all().isEmpty()) {
            return Optional.of("no kernels in " + GuestKernel.folder() + ", nor a folder named by -Dringtap.kernels"
                    + " (.ci/kernels fetches them)");
        }
        return Stream.of("busybox", "ldd")
                .filter(program -> InstalledPrograms.find(program).isEmpty())
                .map(program -> "no " + program + " in PATH")
                .findFirst();
    }

    /**
     * @param directory to work in; the archive stays there
     * @param sources classes whose jar or directory goes along
     * @param arguments of the program, the main class first
     */
    static Path build(Path directory, List<GuestKernel> kernels, List<Class<?>> sources, List<String> arguments)
            throws IOException, InterruptedException {
        var archive = new CpioArchive();
        for (String name : List.of("dev", "proc", "sys", "tmp")) {
            archive.directory(name);
        }
        archive.executable("init", INIT);
        archive.executable("bin/busybox", InstalledPrograms.find("busybox").orElseThrow());
        Path runtime = link(directory.resolve("jre"));
        archive.tree("jre", runtime);
        for (Path library : nativeCode(runtime)) {
            for (Path needed : InstalledPrograms.librariesOf(library)) {
                if (!needed.startsWith(runtime)) {
                    archive.executable(needed.toString().substring(1), needed);
                }
            }
        }
        for (GuestKernel kernel : kernels) {
            for (Path module : kernel.modules()) {
                String target = "lib/modules/" + kernel.release() + '/' + module.getFileName();
                archive.file(target, 0644, Files.readAllBytes(module));
            }
        }
        var classPath = new ArrayList<String>();
        for (Class<?> source : sources) {
            Path origin = originOf(source);
            String target = "app/" + classPath.size() + '-' + origin.getFileName();
            archive.tree(target, origin);
            classPath.add("/" + target);
        }
        // The runtime compiles little and quickly: an emulated processor makes thorough compilation dear.
        var lines = new ArrayList<>(List.of(
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                String.join(":", classPath)));
        lines.addAll(arguments);
        archive.file("app/arguments", 0644, String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
        Path initramfs = directory.resolve("initramfs.cpio");
        archive.writeTo(initramfs);
        return initramfs;
    }

    private static Path link(Path target) throws IOException {
        deleteTree(target);
        var messages = new StringWriter();
        var out = new PrintWriter(messages);
        int status = ToolProvider.findFirst("jlink")
                .orElseThrow()
                .run(
                        out,
                        out,
                        "--add-modules",
                        JAVA_MODULES,
                        "--strip-debug",
                        "--no-header-files",
                        "--no-man-pages",
                        "--vm",
                        "server",
                        "--output",
                        target.toString());
        if (status != 0) {
            throw new IOException("jlink failed:\n" + messages);
        }
        return target;
    }

    private static List<Path> nativeCode(Path runtime) throws IOException {
        try (var files = Files.walk(runtime)) {
            return files.filter(file -> file.toString().endsWith(".so") || file.endsWith("bin/java"))
                    .toList();
        }
    }

    private static Path originOf(Class<?> source) {
        try {
            return Path.of(
                    source.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (var files = Files.walk(root)) {
            for (Path file : files.toList().reversed()) {
                Files.delete(file);
            }
        }
    }
}
