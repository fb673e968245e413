// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketTest {
    private static final int FD_CLOEXEC = 1;

    @TempDir
    Path directory;

    @Test
    void listensAcceptsAndRemovesItsFile() throws Exception {
        var path = directory.resolve("socket");
        try (var listener = UnixListener.bind(path)) {
            assertThat(listener.accept()).isNull();
            try (var client = UnixConnection.connect(path);
                    var server = listener.accept()) {
                assertThat(server).isNotNull();
                assertThat(listener.accept()).isNull();
                client.send(new byte[] {1, 2, 3}, 1, 2);
                var buffer = new byte[10];
                assertThat(server.receive(buffer, 4, 6, new ArrayList<>())).isEqualTo(2);
                assertThat(buffer).containsExactly(0, 0, 0, 0, 2, 3, 0, 0, 0, 0);
            }
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void tellsNothingYetFromTheEnd() throws Exception {
        var pair = UnixConnection.pair();
        try (var a = pair[0];
                var b = pair[1]) {
            a.fd().setNonBlocking(true);
            var buffer = new byte[1];
            assertThat(a.receive(buffer, 0, 1, new ArrayList<>())).isEqualTo(-Errno.EAGAIN);
            b.fd().close();
            assertThat(a.receive(buffer, 0, 1, new ArrayList<>())).isZero();
            fails(() -> a.send(buffer, 0, 1), Errno.EPIPE);
        }
    }

    @Test
    void aPeerThatLeavesUnreadBytesResetsTheConnection() throws Exception {
        var pair = UnixConnection.pair();
        try (var a = pair[0]) {
            a.send(new byte[1], 0, 1);
            pair[1].close();
            fails(() -> a.receive(new byte[1], 0, 1, new ArrayList<>()), Errno.ECONNRESET);
        }
    }

    @Test
    void passesSeveralDescriptorsInOrderOnTheFirstByte() throws Exception {
        var pair = UnixConnection.pair();
        var received = new ArrayList<OwnedFd>();
        try (var a = pair[0];
                var b = pair[1];
                var one = EventFd.create();
                var two = EventFd.create();
                var three = EventFd.create()) {
            a.send(new byte[] {1, 2, 3, 4}, 0, 4, number(one), number(two), number(three));
            a.send(new byte[] {5}, 0, 1, number(two));
            var buffer = new byte[16];
            assertThat(b.receive(buffer, 0, 2, received)).isEqualTo(2);
            assertThat(received).hasSize(3);
            // Bytes without descriptors run on into those that carry some, as the Javadoc warns.
            assertThat(b.receive(buffer, 2, 14, received)).isEqualTo(3);
            assertThat(received).hasSize(4);
            assertThat(Arrays.copyOf(buffer, 5)).containsExactly(1, 2, 3, 4, 5);

            for (var fd : received)
                assertThat(Posix.fcntl(fd.number(), Posix.F_GETFD, 0)).isEqualTo(FD_CLOEXEC);
            signal(received.get(0), 1);
            signal(received.get(1), 2);
            signal(received.get(2), 3);
            signal(received.get(3), 10);
            assertThat(one.drain()).isEqualTo(1);
            assertThat(two.drain()).isEqualTo(12);
            assertThat(three.drain()).isEqualTo(3);
        } finally {
            received.forEach(OwnedFd::close);
        }
    }

    @Test
    void neverReceivesTheDescriptorsOfTwoMessagesAtOnce() throws Exception {
        var pair = UnixConnection.pair();
        var received = new ArrayList<OwnedFd>();
        try (var a = pair[0];
                var b = pair[1];
                var event = EventFd.create()) {
            a.send(new byte[] {1, 2}, 0, 2, number(event));
            a.send(new byte[] {3, 4}, 0, 2, number(event), number(event));
            var buffer = new byte[16];
            assertThat(b.receive(buffer, 0, 16, received)).isEqualTo(2);
            assertThat(received).hasSize(1);
            assertThat(b.receive(buffer, 0, 16, received)).isEqualTo(2);
            assertThat(received).hasSize(3);
        } finally {
            received.forEach(OwnedFd::close);
        }
    }

    @Test
    void carriesAsManyDescriptorsAsTheKernelAllows() throws Exception {
        var pair = UnixConnection.pair();
        var received = new ArrayList<OwnedFd>();
        try (var a = pair[0];
                var b = pair[1];
                var event = EventFd.create()) {
            var fds = new int[253];
            Arrays.fill(fds, number(event));
            a.send(new byte[1], 0, 1, fds);
            assertThat(b.receive(new byte[1], 0, 1, received)).isEqualTo(1);
            assertThat(received).hasSize(253).doesNotHaveDuplicates();
            assertThatThrownBy(() -> a.send(new byte[1], 0, 1, new int[254]))
                    .isInstanceOf(IllegalArgumentException.class);
        } finally {
            received.forEach(OwnedFd::close);
        }
    }

    @Test
    void closesWhatCameWhenTheKernelCutDescriptorsOff() throws Exception {
        var pair = UnixConnection.pair();
        try (var a = pair[0];
                var narrow = UnixConnection.adopt(OwnedFd.of(pair[1].fd().release()), 2);
                var event = EventFd.create()) {
            long before = openDescriptors();
            a.send(new byte[1], 0, 1, number(event), number(event), number(event), number(event));
            var received = new ArrayList<OwnedFd>();
            fails(() -> narrow.receive(new byte[1], 0, 1, received), Errno.EMSGSIZE)
                    .hasMessageContaining("MSG_CTRUNC");
            assertThat(received).isEmpty();
            assertThat(openDescriptors()).isEqualTo(before);
            // The connection itself is still in step.
            a.send(new byte[] {9}, 0, 1, number(event));
            var buffer = new byte[1];
            assertThat(narrow.receive(buffer, 0, 1, received)).isEqualTo(1);
            assertThat(buffer[0]).isEqualTo((byte) 9);
            assertThat(received).hasSize(1);
            received.forEach(OwnedFd::close);
        }
    }

    @Test
    void sendsMoreThanOneMessageHolds() throws Exception {
        long seed = System.nanoTime();
        var sent = new byte[50_000];
        new Random(seed).nextBytes(sent);
        var pair = UnixConnection.pair();
        var fds = new ArrayList<OwnedFd>();
        try (var a = pair[0];
                var b = pair[1];
                var event = EventFd.create()) {
            a.send(sent, 0, sent.length, number(event));
            var received = new byte[sent.length];
            int at = 0;
            while (at < received.length) at += b.receive(received, at, received.length - at, fds);
            assertThat(received).as("seed %d", seed).isEqualTo(sent);
            assertThat(fds).hasSize(1);
        } finally {
            fds.forEach(OwnedFd::close);
        }
    }

    @Test
    void doesNotWaitForAPeerThatDoesNotRead() throws Exception {
        var pair = UnixConnection.pair();
        try (var a = pair[0];
                var b = pair[1]) {
            a.fd().setNonBlocking(true);
            fails(() -> a.send(new byte[10_000_000], 0, 10_000_000), Errno.EAGAIN);
            assertThat(b.fd().isOpen()).isTrue();
        }
    }

    @Test
    void replacesASocketNobodyListensOn() throws Exception {
        var path = directory.resolve("socket");
        // Closing the descriptor without removing the file is what a killed process leaves.
        UnixListener.bind(path).fd().close();
        assertThat(path).exists();
        try (var listener = UnixListener.bind(path);
                var client = UnixConnection.connect(path)) {
            assertThat(client.fd().isOpen()).isTrue();
            listener.accept().close();
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void refusesASocketSomebodyListensOn() throws Exception {
        var path = directory.resolve("socket");
        try (var first = UnixListener.bind(path)) {
            fails(() -> UnixListener.bind(path), Errno.EADDRINUSE)
                    .hasMessage("cannot listen on " + path
                            + " (another process listens there): bind: Address already in use (EADDRINUSE)");
            assertThat(path).exists();
            first.accept().close();
            try (var client = UnixConnection.connect(path);
                    var server = first.accept()) {
                assertThat(client).isNotEqualTo(server);
            }
        }
    }

    @Test
    void neverRemovesAFileThatIsNoSocket() throws Exception {
        var path = directory.resolve("precious");
        Files.writeString(path, "data");
        var link = Files.createSymbolicLink(directory.resolve("link"), path);
        for (var taken : List.of(path, link, directory)) {
            fails(() -> UnixListener.bind(taken), Errno.EEXIST).hasMessageContaining("is not a socket");
            assertThat(taken).exists();
        }
        assertThat(path).content().isEqualTo("data");
    }

    @Test
    void leavesASocketThatReplacedItsOwn() throws Exception {
        var path = directory.resolve("socket");
        var first = UnixListener.bind(path);
        Files.delete(path);
        try (var second = UnixListener.bind(path)) {
            first.close();
            first.close();
            assertThat(path).exists();
            UnixConnection.connect(path).close();
            second.accept().close();
        }
    }

    @Test
    void takesAPathOf107BytesAndRefuses108() throws Exception {
        int room = 107 - directory.toString().length() - 1;
        var longest = directory.resolve("x".repeat(room));
        try (var listener = UnixListener.bind(longest);
                var client = UnixConnection.connect(longest)) {
            assertThat(client.fd().isOpen()).isTrue();
            listener.accept().close();
        }
        var longer = directory.resolve("x".repeat(room + 1));
        fails(() -> UnixListener.bind(longer), Errno.ENAMETOOLONG)
                .hasMessageContaining("the path has 108 bytes, a socket's has at most 107");
        fails(() -> UnixConnection.connect(longer), Errno.ENAMETOOLONG);
        fails(() -> UnixListener.bind(Path.of("")), Errno.EINVAL).hasMessageContaining("the path is empty");
    }

    @Test
    void saysWhyItCannotBindOrConnect() {
        var nowhere = directory.resolve("missing").resolve("socket");
        fails(() -> UnixListener.bind(nowhere), Errno.ENOENT).hasMessageStartingWith("cannot listen on " + nowhere);
        fails(() -> UnixConnection.connect(nowhere), Errno.ENOENT)
                .hasMessage("cannot connect to " + nowhere + ": connect: No such file or directory (ENOENT)");
    }

    private static org.assertj.core.api.AbstractThrowableAssert<?, ?> fails(ThrowingCallable call, int errno) {
        return assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        NativeException.class, e -> assertThat(e.errno()).isEqualTo(errno));
    }

    private static int number(EventFd event) {
        return event.fd().number();
    }

    private static void signal(OwnedFd fd, int times) throws NativeException {
        try (var event = EventFd.adopt(fd.duplicate())) {
            for (int i = 0; i < times; i++) event.signal();
        }
    }

    private static long openDescriptors() throws Exception {
        try (var entries = Files.list(Path.of("/proc/self/fd"))) {
            return entries.count();
        }
    }
}
