// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.WeakThread;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

@RequiresTap
class NetworkNamespaceTest {
    private static Path own() throws Exception {
        return Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net"));
    }

    @Test
    void workRunsInsideAndTheCallerStaysOutside() throws Exception {
        var outside = own();
        try (var first = NetworkNamespace.create();
                var second = NetworkNamespace.create()) {
            var inFirst = first.call(NetworkNamespaceTest::own);
            var inSecond = second.call(NetworkNamespaceTest::own);
            assertThat(inFirst).isNotEqualTo(outside).isNotEqualTo(inSecond);
            assertThat(first.call(NetworkNamespaceTest::own)).isEqualTo(inFirst);
            assertThat(own()).isEqualTo(outside);
            assertThat(Files.readSymbolicLink(
                            Path.of("/proc/self/fd/" + first.fd().number())))
                    .isEqualTo(inFirst);
        }
    }

    @Test
    void aNewOneHasOnlyALoopbackThatIsDown() throws Exception {
        try (var namespace = NetworkNamespace.create()) {
            var loopback = namespace.call(() -> LinkInfo.find("lo"));
            assertThat(loopback.up()).isFalse();
            var interfaces = namespace.call(() -> Files.readAllLines(Path.of("/proc/thread-self/net/dev")));
            assertThat(interfaces).filteredOn(line -> line.contains(":")).hasSize(1);
        }
    }

    @Test
    void theSameNameMayBeInTwo() throws Exception {
        try (var first = NetworkNamespace.create();
                var second = NetworkNamespace.create();
                var one = first.call(() -> TapDevice.open(TapDevice.Options.of("same0", 1)));
                var two = second.call(() -> TapDevice.open(TapDevice.Options.of("same0", 1)))) {
            assertThat(one.name()).isEqualTo(two.name());
            assertThat(LinkConfig.exists("same0")).isFalse();
        }
    }

    @Test
    void aCallWithinACallRunsAtOnce() throws Exception {
        try (var namespace = NetworkNamespace.create()) {
            var threads = namespace.call(() -> {
                var outer = Thread.currentThread();
                return namespace.call(() -> outer == Thread.currentThread());
            });
            assertThat(threads).isTrue();
        }
    }

    @Test
    void threadsStartedInsideAreInside() throws Exception {
        try (var namespace = NetworkNamespace.create()) {
            var seen = new AtomicReference<Path>();
            namespace.run(() -> {
                var thread = Thread.ofPlatform().start(() -> {
                    try {
                        seen.set(own());
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                });
                thread.join();
            });
            assertThat(seen.get()).isEqualTo(namespace.call(NetworkNamespaceTest::own));
        }
    }

    @Test
    void throwsWhatTheWorkThrew() throws Exception {
        try (var namespace = NetworkNamespace.create()) {
            var exception = new Exception("of the work");
            assertThatThrownBy(() -> namespace.run(() -> {
                        throw exception;
                    }))
                    .isSameAs(exception);
            assertThatThrownBy(() -> namespace.run(() -> {
                        throw new AssertionError("of the work");
                    }))
                    .isInstanceOf(AssertionError.class);
            assertThat(namespace.call(() -> 1)).isEqualTo(1);
        }
    }

    @Test
    void anInterruptReachesTheWorkWhichIsStillWaitedFor() throws Exception {
        try (var namespace = NetworkNamespace.create()) {
            var started = new CountDownLatch(1);
            var result = new AtomicReference<Object>();
            var caller = Thread.ofPlatform().start(() -> {
                try {
                    result.set(namespace.call(() -> {
                        started.countDown();
                        try {
                            new CountDownLatch(1).await();
                            return "never";
                        } catch (InterruptedException e) {
                            return "interrupted";
                        }
                    }));
                } catch (Exception e) {
                    result.set(e);
                }
                if (!Thread.currentThread().isInterrupted()) result.set("the interrupt was lost");
            });
            started.await();
            caller.interrupt();
            caller.join();
            assertThat(result.get()).isEqualTo("interrupted");
            assertThat(namespace.call(() -> Thread.currentThread().isInterrupted()))
                    .isFalse();
        }
    }

    @Test
    void closingEndsTheThreadAndRefusesFurtherWork() throws Exception {
        var namespace = NetworkNamespace.create();
        var thread = namespace.call(Thread::currentThread);
        namespace.close();
        namespace.close();
        assertThat(thread.isAlive()).isFalse();
        assertThat(namespace.fd().isOpen()).isFalse();
        assertThatThrownBy(() -> namespace.call(() -> 1)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void mayBeClosedByItsOwnWork() throws Exception {
        var namespace = NetworkNamespace.create();
        var thread = namespace.call(() -> {
            namespace.close();
            return Thread.currentThread();
        });
        thread.join();
        assertThat(thread.isAlive()).isFalse();
    }

    @Test
    void theCurrentOneRunsOnTheCallersThread() throws Exception {
        try (var namespace = NetworkNamespace.current()) {
            assertThat(namespace.call(Thread::currentThread)).isSameAs(Thread.currentThread());
        }
    }

    @Test
    void saysWhichPrivilegeIsMissing() {
        assertThatThrownBy(() -> WeakThread.callWithoutCapabilities(NetworkNamespace::create))
                .isInstanceOf(NativeException.class)
                .hasMessage("cannot create a network namespace (this needs CAP_SYS_ADMIN): unshare CLONE_NEWNET:"
                        + " Operation not permitted (EPERM)");
    }

    @Test
    void refusesANameThatIsNotThere() {
        assertThatThrownBy(() -> NetworkNamespace.named("no-such-namespace"))
                .isInstanceOfSatisfying(
                        NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
                .hasMessageContaining("/run/netns/no-such-namespace");
        assertThatThrownBy(() -> NetworkNamespace.named("../../proc/1/ns/net")).isInstanceOf(NativeException.class);
    }

    @Test
    void entersOneByName() throws Exception {
        var name = "ringtap-" + ProcessHandle.current().pid();
        try (var namespace = NetworkNamespace.create();
                var mount = NamedMount.of(name, namespace);
                var named = NetworkNamespace.named(mount.name())) {
            assertThat(named.call(NetworkNamespaceTest::own)).isEqualTo(namespace.call(NetworkNamespaceTest::own));
        }
    }
}
