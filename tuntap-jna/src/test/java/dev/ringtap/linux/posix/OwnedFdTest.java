// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.memory.MemFd;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class OwnedFdTest {
    @Test
    void closingTwiceDoesNotCloseWhatGotTheNumberNext() throws NativeException {
        var first = EventFd.create().fd();
        int number = first.number();
        first.close();
        // The kernel gives the lowest free number; other threads of the JVM may take it first.
        var candidates = IntStream.range(0, 64).mapToObj(i -> create()).toList();
        first.close();
        assertThat(candidates).allMatch(fd -> Posix.fcntl(fd.number(), Posix.F_GETFD, 0) >= 0);
        assertThat(candidates).anyMatch(fd -> fd.number() == number);
        candidates.forEach(OwnedFd::close);
    }

    @Test
    void manyThreadsClosingCloseOnce() throws Exception {
        var fd = create();
        var start = new CountDownLatch(1);
        var threads = IntStream.range(0, 4)
                .mapToObj(i -> Thread.ofPlatform().start(() -> {
                    try {
                        start.await();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    fd.close();
                }))
                .toList();
        start.countDown();
        for (var thread : threads) thread.join();
        assertThat(fd.isOpen()).isFalse();
    }

    @Test
    void refusesUseAfterClose() throws NativeException {
        var fd = create();
        fd.close();
        assertThat(fd.isOpen()).isFalse();
        assertThat(fd).hasToString("fd closed");
        assertThatThrownBy(fd::number).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(fd::duplicate).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(fd::release).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> OwnedFd.of(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aDuplicateLivesOnAndIsClosedOnExec() throws NativeException {
        var fd = create();
        try (var copy = fd.duplicate()) {
            assertThat(copy.number()).isNotEqualTo(fd.number());
            fd.close();
            assertThat(Posix.fcntl(copy.number(), Posix.F_GETFD, 0)).isEqualTo(1);
        }
    }

    @Test
    void aReleasedDescriptorStaysOpen() throws NativeException {
        var fd = create();
        int number = fd.release();
        fd.close();
        try (var owner = OwnedFd.of(number)) {
            assertThat(Posix.fcntl(owner.number(), Posix.F_GETFD, 0)).isNotNegative();
        }
    }

    @Test
    void setsAndClearsNonBlocking() throws NativeException {
        try (var fd = create()) {
            fd.setNonBlocking(false);
            assertThat(Posix.fcntl(fd.number(), Posix.F_GETFL, 0) & Posix.O_NONBLOCK)
                    .isZero();
            fd.setNonBlocking(true);
            assertThat(Posix.fcntl(fd.number(), Posix.F_GETFL, 0) & Posix.O_NONBLOCK)
                    .isNotZero();
        }
    }

    @Test
    void scattersAndGathersThroughAnIovecArray() throws NativeException {
        try (var file = MemFd.create("test", 0);
                var iovecs = new IovecArray(2);
                var arena = java.lang.foreign.Arena.ofConfined()) {
            var text = arena.allocateFrom("hello world");
            iovecs.set(0, text.address() + 6, 5);
            iovecs.set(1, text.address(), 5);
            assertThat(Posix.writev(file.fd().number(), iovecs.address(), 2)).isEqualTo(10);
            assertThat(Posix.writev(file.fd().number(), iovecs.addressOf(1), 1)).isEqualTo(5);
            try (var again = OwnedFd.of(Posix.open("/proc/self/fd/" + file.fd().number(), Posix.O_RDONLY))) {
                var room = arena.allocate(20);
                iovecs.set(0, room.address() + 10, 4);
                iovecs.set(1, room.address(), 10);
                assertThat(Posix.readv(again.number(), iovecs.address(), 2)).isEqualTo(14);
                assertThat(room.getString(0)).isEqualTo("dhellohellworl");
            }
        }
    }

    @Test
    void iovecEntriesAreBoundsChecked() {
        try (var iovecs = new IovecArray(4)) {
            assertThatThrownBy(() -> iovecs.set(4, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> iovecs.set(-1, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> iovecs.addressOf(5)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThat(iovecs.addressOf(3) - iovecs.address()).isEqualTo(48);
        }
    }

    @Test
    void failuresComeBackAsNegatedErrno() {
        assertThat(Posix.read(-1, 0, 0)).isEqualTo(-Errno.EBADF);
        assertThat(Posix.readv(-1, 0, 0)).isEqualTo(-Errno.EBADF);
        assertThat(Posix.close(-1)).isEqualTo(-Errno.EBADF);
        assertThat(Posix.open("/nonexistent/file", Posix.O_RDONLY)).isEqualTo(-Errno.ENOENT);
        assertThat(Posix.mmap(4096, Posix.PROT_READ, Posix.MAP_SHARED, -1, 0)).isEqualTo(-Errno.EBADF);
    }

    @Test
    void namesErrorsAndSaysWhatWasBeingDone() {
        assertThat(Errno.name(Errno.EAGAIN)).isEqualTo("EAGAIN");
        assertThat(Errno.name(Errno.ECANCELED)).isEqualTo("ECANCELED");
        assertThat(Errno.name(133)).isEqualTo("EHWPOISON");
        assertThat(Errno.name(41)).isEqualTo("errno 41");
        assertThat(Errno.name(0)).isEqualTo("errno 0");
        assertThat(Errno.name(4000)).isEqualTo("errno 4000");
        var e = new NativeException("open /dev/net/tun", Errno.EACCES, "cannot open the TAP device tap0");
        assertThat(e).hasMessage("cannot open the TAP device tap0: open /dev/net/tun: Permission denied (EACCES)");
    }

    private static OwnedFd create() {
        try {
            return EventFd.create().fd();
        } catch (NativeException e) {
            throw new IllegalStateException(e);
        }
    }
}
