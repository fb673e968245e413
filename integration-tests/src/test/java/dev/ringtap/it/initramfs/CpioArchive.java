// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.initramfs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.GZIPOutputStream;

/** Writes an initramfs: a cpio archive of the "newc" format (070701), as the kernel's buffer format document gives it. */
public final class CpioArchive {
    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Set<String> directories = new HashSet<>();
    private final Set<String> files = new HashSet<>();
    private int inode;

    /** Adds an empty directory and those above it; {@code path} has no leading slash. */
    public void directory(String path) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        if (directories.add(path)) {
            entry(path, DIRECTORY | 0755, new byte[0]);
        }
    }

    /** Adds a file, making its directory first; {@code path} has no leading slash. */
    public void file(String path, int permissions, byte[] content) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        // A library that two programs share goes in once.
        if (files.add(path)) {
            entry(path, REGULAR | permissions, content);
        }
    }

    /** Adds an executable file. */
    public void executable(String path, Path source) throws IOException {
        file(path, 0755, Files.readAllBytes(source));
    }

    /** Adds a program of this host at {@code path}, with its loader and libraries at the very paths where they are here. */
    public void dynamicExecutable(String path, Path program) throws IOException, InterruptedException {
        executable(path, program);
        for (Path library : InstalledPrograms.librariesOf(program)) {
            executable(library.toString().substring(1), library);
        }
    }

    /** Adds a directory of this host with all that is in it. */
    public void tree(String path, Path source) throws IOException {
        directory(path);
        try (var files = Files.walk(source)) {
            for (Path file : files.sorted().toList()) {
                String target = file.equals(source) ? path : path + '/' + source.relativize(file);
                if (Files.isDirectory(file)) {
                    directory(target);
                } else {
                    file(target, Files.isExecutable(file) ? 0755 : 0644, Files.readAllBytes(file));
                }
            }
        }
    }

    /** Ends the archive and writes it as it is: quick to unpack where a processor is emulated. */
    public void writeTo(Path file) throws IOException {
        entry("TRAILER!!!", 0, new byte[0]);
        try (OutputStream out = Files.newOutputStream(file)) {
            bytes.writeTo(out);
        }
    }

    /** Ends the archive and writes it compressed. */
    public void writeGzipTo(Path file) throws IOException {
        entry("TRAILER!!!", 0, new byte[0]);
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16)) {
            bytes.writeTo(out);
        }
    }

    private void entry(String path, int mode, byte[] content) {
        byte[] name = (path + '\0').getBytes(StandardCharsets.UTF_8);
        int links = (mode & DIRECTORY) != 0 ? 2 : 1;
        bytes.writeBytes("070701".getBytes(StandardCharsets.US_ASCII));
        // inode, mode, uid, gid, links, time, size, device (major, minor), rdevice (major, minor), name size, check
        for (int field : new int[] {++inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0}) {
            bytes.writeBytes("%08X".formatted(field).getBytes(StandardCharsets.US_ASCII));
        }
        bytes.writeBytes(name);
        pad();
        bytes.writeBytes(content);
        pad();
    }

    private void pad() {
        while (bytes.size() % 4 != 0) {
            bytes.write(0);
        }
    }
}
