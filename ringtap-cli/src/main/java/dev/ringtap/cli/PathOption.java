// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a path, which is never empty: to the Java library that would be the working directory. */
final class PathOption implements ITypeConverter<Path> {
    @Override
    public Path convert(String value) {
        if (value.isEmpty()) {
            throw new TypeConversionException("the path is empty (an unset variable?)");
        }
        try {
            return Path.of(value);
        } catch (InvalidPathException e) {
            throw new TypeConversionException("'%s' is no path: %s".formatted(value, e.getReason()));
        }
    }
}
