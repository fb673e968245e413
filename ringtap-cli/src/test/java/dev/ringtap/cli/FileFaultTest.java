// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileFaultTest {
    @TempDir
    private Path directory;

    private static String reason(Path file, Callable<?> access) {
        return FileFault.reason(file, Assertions.assertThrows(IOException.class, access::call));
    }

    @Test
    void whatTheJavaLibraryOrTheKernelSaysIsPutInWords() throws Exception {
        Path missing = directory.resolve("missing");
        assertThat(reason(missing, () -> Files.readString(missing))).isEqualTo("there is no such file");
        Path nowhere = directory.resolve("nowhere/file");
        assertThat(reason(nowhere, () -> Files.writeString(nowhere, "x")))
                .isEqualTo("there is no directory " + directory.resolve("nowhere"));
        assertThat(reason(directory, () -> Files.writeString(directory, "x"))).isEqualTo("is a directory");
        assertThat(reason(directory, () -> Files.readAllBytes(directory))).isEqualTo("is a directory");
        Path below = Files.createFile(directory.resolve("plain")).resolve("file");
        assertThat(reason(below, () -> Files.writeString(below, "x"))).isEqualTo("not a directory");
        Path full = Path.of("/dev/full");
        assertThat(reason(full, () -> Files.writeString(full, "x"))).isEqualTo("no space left on device");
        assertThat(FileFault.reason(missing, new AccessDeniedException(missing.toString())))
                .isEqualTo("permission denied");
    }

    @Test
    void pathIsNotSaidTwice() {
        Path file = Path.of("/a");
        assertThat(FileFault.reason(file, new IOException("/a: not a capture file")))
                .isEqualTo("not a capture file");
    }

    @Test
    void faultWithoutAReasonIsNamed() {
        Path file = Path.of("/a");
        assertThat(FileFault.reason(file, new IOException())).isEqualTo("java.io.IOException");
        assertThat(FileFault.reason(file, new FileSystemException("/a"))).contains("FileSystemException");
    }
}
