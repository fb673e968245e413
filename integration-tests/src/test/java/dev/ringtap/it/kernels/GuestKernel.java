// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/**
 * A kernel to boot, as {@code .ci/kernels} lays it down: a folder of the series' name with {@code vmlinuz},
 * {@code release} and {@code modules/}.
 *
 * @param series such as 6.12
 * @param release what the kernel calls itself
 */
record GuestKernel(String series, String release, Path image, List<Path> modules) {
    /** Where kernels are looked for. */
    static Path folder() {
        String named = System.getProperty("ringtap.kernels");
        return named == null ? Path.of(System.getProperty("basedir", "."), "..", "target", "kernels") : Path.of(named);
    }

    /** All that are there, the oldest first. */
    static List<GuestKernel> all() {
        Path folder = folder();
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (var entries = Files.list(folder)) {
            return entries.filter(entry -> Files.isRegularFile(entry.resolve("release")))
                    .map(GuestKernel::read)
                    .sorted(Comparator.comparing(kernel -> Runtime.Version.parse(kernel.series)))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static GuestKernel read(Path entry) {
        try (var modules = Files.list(entry.resolve("modules"))) {
            return new GuestKernel(
                    entry.getFileName().toString(),
                    Files.readString(entry.resolve("release")).strip(),
                    entry.resolve("vmlinuz"),
                    modules.sorted().toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether this series came before another one. */
    boolean isBefore(String other) {
        return Runtime.Version.parse(series).compareTo(Runtime.Version.parse(other)) < 0;
    }

    @Override
    public String toString() {
        return "Linux " + release;
    }
}
