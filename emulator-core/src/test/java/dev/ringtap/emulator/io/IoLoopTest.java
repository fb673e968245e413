// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.linux.socket.UnixConnection;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The contract of the seam, kept by both engines. */
@ParameterizedClass
@EnumSource(IoEngine.class)
class IoLoopTest {
    private static final int LIMIT_S = 10;
    /** linux/uio.h: no call takes more. */
    private static final int UIO_MAXIOV = 1024;

    @Parameter
    private IoEngine engine;

    private MultiThreadIoEventLoopGroup group;
    private IoLoop loop;

    @BeforeEach
    void start() {
        Throwable unavailability = engine.unavailability();
        Assumptions.assumeTrue(
                unavailability == null, () -> engine + " is refused here: " + unavailability.getMessage());
        group = new MultiThreadIoEventLoopGroup(1, engine.handlers());
        loop = engine.on(group.next());
    }

    @AfterEach
    void stop() {
        if (group != null) {
            group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
        }
    }

    private <T> T onLoop(Callable<T> work) throws Exception {
        return loop.executor().submit(work).get(LIMIT_S, TimeUnit.SECONDS);
    }

    /** Remembers completions in their order, and when the burst ended. */
    private static final class Recorder implements BurstListener {
        private final List<String> completions = new ArrayList<>();
        private final CompletableFuture<List<String>> done = new CompletableFuture<>();

        @Override
        public void completed(int slot, int result) {
            completions.add(slot + ":" + result);
        }

        @Override
        public void burstCompleted() {
            done.complete(completions);
        }
    }

    @Test
    void completionsComeInOrderAndAnEmptyDescriptorDoesNotWait() throws Exception {
        UnixConnection[] ends = UnixConnection.pair();
        try (UnixConnection writer = ends[0];
                UnixConnection reader = ends[1];
                IovecArray iovecs = new IovecArray(3);
                Arena arena = Arena.ofShared()) {
            reader.fd().setNonBlocking(true);
            byte[] bytes = {1, 2, 3, 4, 5, 6};
            writer.send(bytes, 0, bytes.length);
            MemorySegment memory = arena.allocate(16);
            for (int i = 0; i < 3; i++) {
                iovecs.set(i, memory.address() + 4L * i, 4);
            }
            Recorder recorder = new Recorder();
            Burst burst = onLoop(() -> {
                Burst made = loop.newBurst(reader.fd().number(), 3, recorder);
                for (int i = 0; i < 3; i++) {
                    made.read(i, iovecs.addressOf(i), 1);
                }
                made.submit();
                return made;
            });
            assertThat(recorder.done.get(LIMIT_S, TimeUnit.SECONDS))
                    .containsExactly("0:4", "1:2", "2:" + -Errno.EAGAIN);
            assertThat(memory.asSlice(0, 6).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
            assertThat(onLoop(burst::inFlight)).isFalse();
            onLoop(() -> {
                burst.close();
                return null;
            });
        }
    }

    @Test
    void writesKeepTheirOrderAndErrorsAreToldPerOperation() throws Exception {
        UnixConnection[] ends = UnixConnection.pair();
        try (UnixConnection writer = ends[0];
                UnixConnection reader = ends[1];
                IovecArray iovecs = new IovecArray(2);
                Arena arena = Arena.ofShared()) {
            writer.fd().setNonBlocking(true);
            MemorySegment memory = arena.allocate(8);
            memory.set(ValueLayout.JAVA_BYTE, 0, (byte) 7);
            memory.set(ValueLayout.JAVA_BYTE, 1, (byte) 8);
            iovecs.set(0, memory.address(), 1);
            iovecs.set(1, memory.address() + 1, 1);
            Recorder recorder = new Recorder();
            onLoop(() -> {
                Burst burst = loop.newBurst(writer.fd().number(), 3, recorder);
                burst.write(0, iovecs.addressOf(0), 1);
                burst.write(1, iovecs.addressOf(0), UIO_MAXIOV + 1);
                burst.write(2, iovecs.addressOf(1), 1);
                burst.submit();
                return null;
            });
            assertThat(recorder.done.get(LIMIT_S, TimeUnit.SECONDS))
                    .containsExactly("0:1", "1:" + -Errno.EINVAL, "2:1");
            byte[] got = new byte[2];
            assertThat(reader.receive(got, 0, 2, new ArrayList<>())).isEqualTo(2);
            assertThat(got).containsExactly(7, 8);
        }
    }

    @Test
    void whatWasDiscardedIsNotDone() throws Exception {
        UnixConnection[] ends = UnixConnection.pair();
        try (UnixConnection writer = ends[0];
                UnixConnection reader = ends[1];
                IovecArray iovecs = new IovecArray(1);
                Arena arena = Arena.ofShared()) {
            reader.fd().setNonBlocking(true);
            iovecs.set(0, arena.allocate(1).address(), 1);
            Recorder recorder = new Recorder();
            onLoop(() -> {
                Burst burst = loop.newBurst(writer.fd().number(), 1, recorder);
                burst.write(0, iovecs.address(), 1);
                burst.discard();
                burst.submit();
                return null;
            });
            assertThat(recorder.done.get(LIMIT_S, TimeUnit.SECONDS)).isEmpty();
            assertThat(reader.receive(new byte[1], 0, 1, new ArrayList<>())).isEqualTo(-Errno.EAGAIN);
        }
    }

    /** Every write to an eventfd is an edge, drained or not; a closed watch hears of none. */
    @Test
    void everySignalOfAnEventFdIsHeardUntilTheWatchIsClosed() throws Exception {
        BlockingQueue<Integer> heard = new LinkedBlockingQueue<>();
        try (EventFd event = EventFd.create()) {
            Watch watch = onLoop(() -> loop.watch(event.fd().number(), () -> heard.add(1)));
            for (int i = 0; i < 3; i++) {
                heard.clear();
                event.signal();
                assertThat(heard.poll(LIMIT_S, TimeUnit.SECONDS))
                        .as("signal %d", i)
                        .isNotNull();
            }
            onLoop(() -> {
                watch.close();
                return null;
            });
            // Two turns of the loop: a cancelled poll has been told by then.
            onLoop(() -> null);
            onLoop(() -> null);
            heard.clear();
            event.signal();
            onLoop(() -> null);
            assertThat(heard).isEmpty();
        }
    }

    @Test
    void aHandlerThatFailsDoesNotEndItsWatch() throws Exception {
        BlockingQueue<Integer> heard = new LinkedBlockingQueue<>();
        try (EventFd event = EventFd.create()) {
            Watch watch = onLoop(() -> loop.watch(event.fd().number(), () -> {
                heard.add(1);
                throw new IllegalStateException("a handler's fault, on purpose");
            }));
            for (int i = 0; i < 2; i++) {
                event.signal();
                assertThat(heard.poll(LIMIT_S, TimeUnit.SECONDS)).isNotNull();
            }
            onLoop(() -> {
                watch.close();
                return null;
            });
        }
    }
}
