// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.images.builder.ImageFromDockerfile;

/**
 * The image with a steering program that is wrong in one bit of one instruction: it never reads an odd entry of the
 * indirection table. The kernel loads it, since it stays inside its map.
 */
final class BrokenImage implements AutoCloseable {
    private static final String OBJECT = "dev/ringtap/linux/bpf/steering.bpf.o";
    private static final String LIBRARIES = "/opt/ringtap/lib/";
    /** {@code dst &= immediate}, 64 bits. */
    private static final int AND = 0x57;
    /** The last index of the table, which every index is bounded by. */
    private static final int LAST_ENTRY = SteeringConfig.TABLE_ENTRIES_MAX - 1;

    private final String name;

    private BrokenImage(String name) {
        this.name = name;
    }

    String name() {
        return name;
    }

    static BrokenImage build() throws Exception {
        Path good = Path.of(SteeringProgram.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Path bad = Files.createTempFile("ringtap-broken-", ".jar");
        try {
            if (Files.isDirectory(good)) {
                throw new IOException("the tests of containers need the modules' jars: run them by mvn verify");
            }
            String jarName = good.getFileName().toString();
            copyBroken(good, bad);
            return new BrokenImage(new ImageFromDockerfile()
                    .withFileFromPath("broken.jar", bad)
                    .withDockerfileFromBuilder(
                            builder -> builder.from(RingtapImage.name()).copy("broken.jar", LIBRARIES + jarName))
                    .get());
        } finally {
            Files.delete(bad);
        }
    }

    private static void copyBroken(Path from, Path to) throws IOException {
        boolean found = false;
        try (JarFile jar = new JarFile(from.toFile());
                OutputStream file = Files.newOutputStream(to);
                JarOutputStream copy = new JarOutputStream(file)) {
            for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements(); ) {
                JarEntry entry = entries.nextElement();
                copy.putNextEntry(new JarEntry(entry.getName()));
                try (InputStream content = jar.getInputStream(entry)) {
                    byte[] bytes = content.readAllBytes();
                    if (entry.getName().equals(OBJECT)) {
                        breakTable(bytes);
                        found = true;
                    }
                    copy.write(bytes);
                }
                copy.closeEntry();
            }
        }
        if (!found) {
            throw new IOException(from + " has no " + OBJECT);
        }
    }

    private static void breakTable(byte[] object) throws IOException {
        ByteBuffer code = ByteBuffer.wrap(object).order(ByteOrder.LITTLE_ENDIAN);
        int changed = 0;
        for (int at = 0; at + 8 <= object.length; at += 8) {
            if ((code.get(at) & 0xFF) == AND && code.getInt(at + 4) == LAST_ENTRY) {
                code.putInt(at + 4, LAST_ENTRY - 1);
                changed++;
            }
        }
        if (changed != 1) {
            throw new IOException(
                    "%d instructions of %s bound the table's index, expected one".formatted(changed, OBJECT));
        }
    }

    @Override
    public void close() {
        DockerClientFactory.instance()
                .client()
                .removeImageCmd(name)
                .withForce(true)
                .exec();
    }
}
