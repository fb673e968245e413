// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.health;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The kernel's list of Unix sockets in a network namespace, {@code /proc/net/unix}, of which those count that somebody
 * listens on. A name in it is whatever a process bound: a path as it was given, or, behind an {@code @}, any bytes at all,
 * line ends among them. So what is no line of the list is passed over.
 */
record ListeningSockets(Path list) {
    /** Address, references, protocol, flags, type, state, inode, name. */
    private static final Pattern LINE = Pattern.compile(
            "[0-9a-fA-F]+: [0-9A-F]{8} [0-9A-F]{8} (?<flags>[0-9A-F]{8}) [0-9A-F]{4} [0-9A-F]{2} +[0-9]+ (?<name>.+)",
            // A byte 0x85, as in the UTF-8 of many a letter, else ends a line.
            Pattern.DOTALL);

    /** linux/net.h, __SO_ACCEPTCON: somebody listens. */
    private static final int ACCEPTS_CONNECTIONS = 1 << 16;

    /** What the bytes of a path are in, here and in the list. */
    private static final Charset PATHS = Charset.forName(System.getProperty("sun.jnu.encoding"));

    static ListeningSockets ofThisMachine() {
        return new ListeningSockets(Path.of("/proc/net/unix"));
    }

    /**
     * Whether somebody listens on a socket. Names that are spelled in another way are found, too; a relative one in the
     * list is taken to be one of this process's working directory, as the list does not say of which it is.
     */
    boolean contain(Path socket) throws IOException {
        if (Files.notExists(socket)) {
            // Whoever was bound to it cannot be reached any more.
            return false;
        }
        // One character a byte: there is no byte that this does not decode.
        try (Stream<String> lines = Files.lines(list, StandardCharsets.ISO_8859_1)) {
            return lines.anyMatch(line -> listensOn(line, socket));
        }
    }

    private static boolean listensOn(String line, Path socket) {
        Matcher fields = LINE.matcher(line);
        return fields.matches()
                && (Integer.parseUnsignedInt(fields.group("flags"), 16) & ACCEPTS_CONNECTIONS) != 0
                && isName(fields.group("name"), socket);
    }

    private static boolean isName(String name, Path socket) {
        if (name.equals(new String(socket.toString().getBytes(PATHS), StandardCharsets.ISO_8859_1))) {
            return true;
        }
        try {
            Path listed = Path.of(new String(name.getBytes(StandardCharsets.ISO_8859_1), PATHS));
            return listed.toAbsolutePath()
                            .normalize()
                            .equals(socket.toAbsolutePath().normalize())
                    || Files.isSameFile(listed, socket);
        } catch (InvalidPathException | IOException e) {
            // No path, or none that this process sees: somebody else's.
            return false;
        }
    }
}
