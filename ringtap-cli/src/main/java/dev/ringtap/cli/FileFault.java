// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/** Why a file cannot be read or written, in words: many an exception of the Java library says nothing but the path. */
public final class FileFault {
    private FileFault() {}

    /** @return a clause without the path */
    public static String reason(Path file, IOException fault) {
        if (fault instanceof NoSuchFileException) {
            Path directory = file.toAbsolutePath().getParent();
            return directory == null || Files.exists(directory)
                    ? "there is no such file"
                    : "there is no directory " + directory;
        }
        if (fault instanceof AccessDeniedException) {
            return "permission denied";
        }
        String reason = fault instanceof FileSystemException known ? known.getReason() : fault.getMessage();
        if (reason == null) {
            return fault.toString();
        }
        String clause = reason.startsWith(file + ": ") ? reason.substring((file + ": ").length()) : reason;
        // The kernel's own words begin with a capital.
        return clause.isEmpty()
                ? fault.toString()
                : clause.substring(0, 1).toLowerCase(Locale.ROOT) + clause.substring(1);
    }
}
