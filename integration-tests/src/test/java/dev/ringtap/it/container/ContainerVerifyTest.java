// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Capability;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.it.RingtapProcess;
import dev.ringtap.it.container.RequiresDocker.Need;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.testcontainers.DockerClientFactory;

/**
 * The emulator of a container, held to the whole series of {@code ringtap verify} from outside: the guest lives on the
 * host, its memory and eventfds reach the container over the socket, and the host's side is the container's network
 * namespace.
 */
@RequiresDocker(Need.TAP)
@RequiresRoot
class ContainerVerifyTest {
    private static final String FLOWS = "200";
    private static final String INTERFACE = "ringtap0";
    private static final long LIMIT_S = 30;

    private static RingtapContainer container(String... arguments) {
        return new RingtapContainer(RingtapImage.name(), arguments);
    }

    private static void verify(RingtapContainer container, int expectedExit) throws Exception {
        try (NetworkNamespace here = NetworkNamespace.current();
                RingtapProcess verify = RingtapProcess.start(
                        here,
                        "verify",
                        "--socket",
                        container.socket().toString(),
                        "--namespace",
                        container.networkNamespace().toString(),
                        "--interface",
                        INTERFACE,
                        "--flows",
                        FLOWS)) {
            assertThat(verify.awaitExit())
                    .as(() -> verify.describe("verify") + "\n--- the container ---\n" + container.getLogs())
                    .isEqualTo(expectedExit);
            if (expectedExit == 0) {
                assertThat(verify.output()).contains("\n0 mismatches");
            } else {
                assertThat(verify.output()).containsPattern("\n[1-9][0-9,]* mismatches");
            }
        }
    }

    @Test
    void everyPacketIsRightWithAllPrivileges() throws Exception {
        try (var container = container("--tap", "kernel").privileged()) {
            container.start();
            verify(container, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"device", "ebpf"})
    @RequiresDocker(Need.BPF_BY_NAME)
    void everyPacketIsRightWithThreeCapabilities(String source) throws Exception {
        try (var container =
                container("--tap", "kernel", "--hash-source", source).leastPrivilege()) {
            container.start();
            Set<Capability> capabilities = ProcessCapabilities.effective(container.pid());
            System.out.printf("container with --hash-source %s: capabilities %s%n", source, capabilities);
            assertThat(capabilities)
                    .containsExactlyInAnyOrder(Capability.NET_ADMIN, Capability.BPF, Capability.PERFMON);
            verify(container, 0);
        }
    }

    /** What is left to engines before 23. */
    @Test
    void everyPacketIsRightWithSysAdminForBpf() throws Exception {
        try (var container = container("--tap", "kernel", "--hash-source", "ebpf")
                .withTun()
                .capabilities(Capability.NET_ADMIN, Capability.SYS_ADMIN)) {
            container.start();
            assertThat(ProcessCapabilities.effective(container.pid()))
                    .containsExactlyInAnyOrder(Capability.NET_ADMIN, Capability.SYS_ADMIN);
            verify(container, 0);
        }
    }

    @Test
    void aGuestThatVanishedIsFollowedByAnother() throws Exception {
        try (var container = container("--tap", "kernel").leastPrivilege()) {
            container.start();
            FakeGuest guest =
                    FakeGuest.builder(container.socket()).queuePairs(4).connect();
            guest.vanish();
            verify(container, 0);
        }
    }

    @Test
    void aRestartUnderTrafficEndsTheGuestsConnectionAndServesTheNext() throws Exception {
        try (var container = container("--tap", "kernel").leastPrivilege()) {
            container.start();
            try (FakeGuest guest =
                            FakeGuest.builder(container.socket()).queuePairs(4).connect();
                    Traffic traffic = new Traffic(container)) {
                traffic.awaitRunning();
                DockerClientFactory.instance()
                        .client()
                        .restartContainerCmd(container.getContainerId())
                        .withTimeout(10)
                        .exec();
                assertThat(guest.channel().closeFuture().await(LIMIT_S, TimeUnit.SECONDS))
                        .as("the guest sees that its back-end has gone")
                        .isTrue();
            }
            container.awaitListeningAgain();
            verify(container, 0);
        }
    }

    /** The proof that these tests can fail: an image whose steering program is wrong in one bit. */
    @Test
    void aBrokenSteeringProgramIsFound() throws Exception {
        try (BrokenImage broken = BrokenImage.build();
                var container = new RingtapContainer(broken.name(), "--tap", "kernel", "--hash-source", "device")
                        .leastPrivilege()) {
            container.start();
            verify(container, 1);
        }
    }

    /** Frames without end from inside the container's network, until the interface goes. */
    private static final class Traffic implements AutoCloseable {
        private final AtomicBoolean stop = new AtomicBoolean();
        private final AtomicBoolean running = new AtomicBoolean();
        private final Thread thread;

        Traffic(RingtapContainer container) throws Exception {
            NetworkNamespace namespace = container.enterNetwork();
            PacketSocket socket = namespace.call(() -> {
                try (var link = LinkConfig.open(INTERFACE)) {
                    return PacketSocket.open(link.index());
                }
            });
            thread = Thread.ofPlatform().name("traffic").start(() -> {
                byte[] frame = new byte[60];
                ByteBuffer.wrap(frame).putLong(-1L).putShort(12, (short) 0x88B6);
                try (namespace;
                        socket) {
                    while (!stop.get()) {
                        socket.send(frame, frame.length);
                        running.set(true);
                    }
                } catch (IOException e) {
                    // The interface has gone with its container.
                }
            });
        }

        void awaitRunning() throws InterruptedException {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
            while (!running.get()) {
                assertThat(System.nanoTime()).as("no frame could be sent").isLessThan(deadline);
                Thread.sleep(5);
            }
        }

        @Override
        public void close() {
            stop.set(true);
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
