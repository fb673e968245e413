// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static java.util.stream.Collectors.joining;

import dev.ringtap.it.initramfs.InstalledPrograms;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * The image's files, to be run by runc itself: Docker cannot hand descriptors to a container. The container has a user of
 * the image's, no capability, no device and an empty network. Closing ends it; the directory is the caller's.
 */
public final class ImageBundle implements AutoCloseable {
    /** The image's own user. */
    public static final int USER = 65532;

    private static final String CONFIG = """
            {
              "ociVersion": "1.0.2",
              "process": {
                "user": {"uid": %1$d, "gid": %1$d},
                "args": [%2$s],
                "env": ["LANG=C.UTF-8"],
                "cwd": "/",
                "capabilities": {},
                "noNewPrivileges": true
              },
              "root": {"path": "rootfs", "readonly": true},
              "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=1777"]},
                {"destination": "%3$s", "type": "bind", "source": "%4$s", "options": ["bind", "rw"]}
              ],
              "linux": {
                "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]
              }
            }
            """;

    private final Path directory;
    private final String id = "ringtap-it-" + UUID.randomUUID();

    private ImageBundle(Path directory) {
        this.directory = directory;
    }

    /**
     * Unpacks the image.
     *
     * @param directory empty
     * @param sockets what the container has for the directory of sockets
     * @param arguments behind the image's entry point
     */
    public static ImageBundle unpack(Path directory, Path sockets, String... arguments) throws Exception {
        Path root = Files.createDirectory(directory.resolve("rootfs"));
        String container = InstalledPrograms.outputOf("docker", "create", RingtapImage.name())
                .strip();
        try {
            String export = "docker export \"$1\" | tar -xf - -C \"$2\"";
            InstalledPrograms.outputOf("sh", "-c", export, "sh", container, root.toString());
        } finally {
            InstalledPrograms.outputOf("docker", "rm", container);
        }
        String[] entryPoint = RingtapImage.inspect().getConfig().getEntrypoint();
        String words = Stream.concat(Arrays.stream(entryPoint), Arrays.stream(arguments))
                .map(word -> '"' + word + '"')
                .collect(joining(", "));
        Files.writeString(
                directory.resolve("config.json"), CONFIG.formatted(USER, words, RingtapContainer.MOUNT, sockets));
        return new ImageBundle(directory);
    }

    /** The socket's path in a container, to be given to {@code --socket}. */
    public static String socket() {
        return RingtapContainer.SOCKET;
    }

    /** The command that runs it and hands it descriptors from 3 on. */
    public List<String> command(int descriptors) {
        return List.of(
                "runc",
                "--root",
                state(),
                "run",
                "--preserve-fds",
                Integer.toString(descriptors),
                "--bundle",
                directory.toString(),
                id);
    }

    private String state() {
        return directory.resolve("state").toString();
    }

    @Override
    public void close() throws IOException {
        try {
            InstalledPrograms.outputOf("runc", "--root", state(), "delete", "--force", id);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
