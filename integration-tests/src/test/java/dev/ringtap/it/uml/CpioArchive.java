// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

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
final class CpioArchive {
    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Set<String> directories = new HashSet<>();
    private int inode;

    /** Adds an empty directory and those above it; {@code path} has no leading slash. */
    void directory(String path) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        if (directories.add(path)) {
            entry(path, DIRECTORY | 0755, new byte[0]);
        }
    }

    /** Adds a file, making its directory first; {@code path} has no leading slash. */
    void file(String path, int permissions, byte[] content) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        entry(path, REGULAR | permissions, content);
    }

    void executable(String path, Path source) throws IOException {
        file(path, 0755, Files.readAllBytes(source));
    }

    /** Ends the archive and writes it compressed. */
    void writeGzipTo(Path file) throws IOException {
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
