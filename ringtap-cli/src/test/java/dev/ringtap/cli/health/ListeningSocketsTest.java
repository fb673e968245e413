// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.health;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ListeningSocketsTest {
    private static final String HEADER = "Num       RefCount Protocol Flags    Type St Inode Path\n";
    private static final String LISTENS = "0000000000000000: 00000002 00000000 00010000 0001 01 12345 ";
    private static final String CONNECTED = "0000000000000000: 00000003 00000000 00000000 0001 03    17 ";

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream list = new ByteArrayOutputStream();
    private Path socket;

    @BeforeEach
    void makeSocket() throws IOException {
        socket = Files.createFile(directory.resolve("guest.sock"));
        list.writeBytes(HEADER.getBytes(StandardCharsets.UTF_8));
    }

    private void line(String fields, byte[] name) {
        list.writeBytes(fields.getBytes(StandardCharsets.UTF_8));
        list.writeBytes(name);
        list.write('\n');
    }

    private void line(String fields, Object name) {
        line(fields, name.toString().getBytes(StandardCharsets.UTF_8));
    }

    private boolean contain(Path asked) throws IOException {
        return new ListeningSockets(Files.write(directory.resolve("unix"), list.toByteArray())).contain(asked);
    }

    @Test
    void socketIsFoundBehindNamesThatAreNoText() throws IOException {
        line(LISTENS, new byte[] {'@', 'r', 'v', (byte) 0xFF, (byte) 0xFE});
        line(LISTENS, new byte[] {'@', '\r', '\n', 'a', ' ', 'b', ' ', 'c', ' ', 'z', ' ', 'e', ' ', 'f', ' ', 'g', ' '
        });
        line(LISTENS, new byte[] {'/', (byte) 0x80, '/', 'x'});
        assertThat(contain(socket)).isFalse();
        line(LISTENS, socket);
        assertThat(contain(socket)).isTrue();
    }

    @Test
    void onlyWhoeverListensCounts() throws IOException {
        line(CONNECTED, socket);
        line(LISTENS, socket + ".other");
        assertThat(contain(socket)).isFalse();
    }

    @Test
    void socketIsFoundByEverySpellingOfItsPath() throws IOException {
        Path other = Files.createDirectory(directory.resolve("other"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), directory);
        Path here = Path.of("").toAbsolutePath();
        line(LISTENS, here.relativize(socket));
        assertThat(contain(socket)).isTrue();
        assertThat(contain(here.relativize(socket))).isTrue();
        assertThat(contain(Path.of("./" + here.relativize(socket)))).isTrue();
        assertThat(contain(other.resolve("../guest.sock"))).isTrue();
        assertThat(contain(link.resolve("guest.sock"))).isTrue();
        assertThat(contain(Files.createFile(other.resolve("guest.sock")))).isFalse();
    }

    @Test
    void socketWhoseFileIsGoneIsNoneAnyMore() throws IOException {
        line(LISTENS, socket);
        Files.delete(socket);
        assertThat(contain(socket)).isFalse();
    }

    @Test
    void thisMachinesListHasASocketWhileItIsListenedOn() throws IOException {
        // In UTF-8 its last byte is 0x85, which some take for the end of a line.
        String letter = "\u00C5";
        boolean encodable = Charset.forName(System.getProperty("sun.jnu.encoding"))
                .newEncoder()
                .canEncode(letter);
        Path live = directory.resolve("live " + (encodable ? letter : "") + ".sock");
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(live));
            assertThat(ListeningSockets.ofThisMachine().contain(live)).isTrue();
        }
        assertThat(live).exists();
        assertThat(ListeningSockets.ofThisMachine().contain(live)).isFalse();
    }
}
