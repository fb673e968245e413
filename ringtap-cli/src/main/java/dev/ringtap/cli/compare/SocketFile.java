// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A place for one emulator's socket, in a directory of its own. */
final class SocketFile implements AutoCloseable {
    private final Path directory;

    SocketFile() throws IOException {
        directory = Files.createTempDirectory("ringtap-compare");
    }

    Path path() {
        return directory.resolve("vhost-user.sock");
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // An empty directory in the place for temporary files is nothing to fail for.
        }
    }
}
