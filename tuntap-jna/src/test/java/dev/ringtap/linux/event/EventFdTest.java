// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class EventFdTest {
    @Test
    void countsSignalsAndStartsAgainAtZero() throws NativeException {
        try (var event = EventFd.create()) {
            assertThat(event.drain()).isZero();
            for (int i = 0; i < 3; i++) event.signal();
            assertThat(event.drain()).isEqualTo(3);
            assertThat(event.drain()).isZero();
        }
    }

    @Test
    void signallingACounterAtItsLimitIsNoFault() throws NativeException {
        try (var event = EventFd.create();
                var arena = Arena.ofConfined()) {
            var almostFull = arena.allocateFrom(ValueLayout.JAVA_LONG, -2L);
            assertThat(Posix.write(event.fd().number(), almostFull.address(), 8))
                    .isEqualTo(8);
            event.signal();
            assertThat(event.drain()).isEqualTo(Long.MAX_VALUE);
            assertThat(event.drain()).isZero();
        }
    }

    @Test
    void aPipeServesAsAnEventCounter() throws NativeException {
        var pipe = pipe();
        try (var reader = EventFd.adopt(pipe[0]);
                var writer = EventFd.adopt(pipe[1])) {
            assertThat(reader.drain()).isZero();
            writer.signal();
            writer.signal();
            assertThat(reader.drain()).isEqualTo(2);
            assertThat(reader.drain()).isZero();
            // Far more than the 64 KiB a pipe holds: neither blocks nor fails.
            for (int i = 0; i < 10_000; i++) writer.signal();
            assertThat(reader.drain()).isPositive();
        }
    }

    @Test
    void tellsThatTheWriterOfAPipeIsGone() throws NativeException {
        var pipe = pipe();
        try (var reader = EventFd.adopt(pipe[0])) {
            pipe[1].close();
            assertThat(reader.drain()).isEqualTo(-Errno.EPIPE);
        }
    }

    @Test
    void refusesToSignalWhenTheReaderOfAPipeIsGone() throws NativeException {
        var pipe = pipe();
        try (var writer = EventFd.adopt(pipe[1])) {
            pipe[0].close();
            assertThatThrownBy(writer::signal)
                    .isInstanceOfSatisfying(
                            NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE))
                    .hasMessage("cannot signal an event counter: write: Broken pipe (EPIPE)");
        }
    }

    private static OwnedFd[] pipe() throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var pair = arena.allocate(ValueLayout.JAVA_INT, 2);
            NativeException.check(Posix.pipe2(pair.address(), Posix.O_CLOEXEC), "pipe2", "cannot create a pipe");
            return new OwnedFd[] {
                OwnedFd.of(pair.getAtIndex(ValueLayout.JAVA_INT, 0)),
                OwnedFd.of(pair.getAtIndex(ValueLayout.JAVA_INT, 1))
            };
        }
    }
}
