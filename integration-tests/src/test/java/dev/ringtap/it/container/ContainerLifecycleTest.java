// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Volume;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.testcontainers.DockerClientFactory;

/** How the image starts, answers, says what it lacks, and ends. */
@RequiresDocker
class ContainerLifecycleTest {
    private static final long MOST_IMAGE_BYTES = 150_000_000;
    private static final long HEALTHY_LIMIT_S = 60;
    /** The image's user without privileges. */
    private static final String USER = "65532";

    private static final Device TUN = new Device("rwm", "/dev/net/tun", "/dev/net/tun");

    @Test
    void theImageIsSmallAndSaysWhatItIs() {
        var image = RingtapImage.inspect();
        System.out.printf("container image: %,d bytes%n", image.getSize());
        assertThat(image.getSize()).isLessThanOrEqualTo(MOST_IMAGE_BYTES);
        assertThat(image.getConfig().getLabels())
                .containsEntry("org.opencontainers.image.title", "ringtap")
                .containsEntry("org.opencontainers.image.licenses", "Apache-2.0");
    }

    @Test
    void aGuestOnTheHostIsServedAndSigtermEndsItInOrder() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--address", "10.9.0.1/24").leastPrivilege()) {
            long startNs = System.nanoTime();
            container.start();
            System.out.printf(
                    "container ready after %,d ms, the engine's part included%n",
                    (System.nanoTime() - startNs) / 1_000_000);
            try (FakeGuest guest =
                    FakeGuest.builder(container.socket()).queuePairs(4).connect()) {
                assertThat(guest.ackedFeatures()).matches(GuestFeature.RSS::in).matches(GuestFeature.HASH_REPORT::in);
            }
            assertThat(container.terminate()).isZero();
            assertThat(container.getLogs()).contains("stopped: ");
            assertThat(container.socket()).doesNotExist();
        }
    }

    @Test
    void becomesHealthyOnceItListens() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name()).leastPrivilege()) {
            container.start();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(HEALTHY_LIMIT_S);
            while (!container.isHealthy() && System.nanoTime() < deadline) {
                Thread.sleep(200);
            }
            assertThat(container.isHealthy()).isTrue();
            // The check took nobody's place at the socket.
            assertThat(container.getLogs()).doesNotContain("front-end connected");
        }
    }

    @Test
    void aGuestInASecondContainerIsServed() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--address", "10.9.0.1/24").leastPrivilege()) {
            container.start();
            assertGuestIsServed(container, "0");
        }
    }

    /** No capability, no device, no root: the emulated TAP, with the host that it brings along. */
    @Test
    void aUserWithoutPrivilegesServesAGuestOnTheEmulatedTap() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "emulated", "--address", "10.9.0.1/24")
                .with(config -> config.withCapDrop(Capability.ALL))
                .withUser(USER)) {
            container.start();
            assertGuestIsServed(container, USER);
            assertThat(container.terminate()).isZero();
        }
    }

    private static void assertGuestIsServed(RingtapContainer container, String user) throws Exception {
        HostConfig guest = HostConfig.newHostConfig()
                .withNetworkMode("none")
                .withCapDrop(Capability.ALL)
                .withBinds(
                        new Bind(container.directory().toString(), new Volume(RingtapContainer.MOUNT), AccessMode.rw));
        EndedContainer ended = EndedContainer.run(
                RingtapImage.name(),
                guest,
                user,
                "guest",
                "--socket",
                RingtapContainer.SOCKET,
                "--ping",
                "10.9.0.1",
                "--seconds",
                "3");
        assertThat(ended.output()).contains("RSS over 4 queue pairs", " 0 mismatches", "answers to pings");
        assertThat(ended.exitCode()).as(ended.output()).isZero();
    }

    @Test
    void withoutTheCapabilityItSaysWhichOne() throws Exception {
        HostConfig host = HostConfig.newHostConfig().withCapDrop(Capability.ALL).withDevices(TUN);
        EndedContainer ended =
                EndedContainer.run(RingtapImage.name(), host, "0", "run", "--socket", "/tmp/s", "--tap", "kernel");
        assertThat(ended.output()).contains("CAP_NET_ADMIN").doesNotContain("\tat ");
        assertThat(ended.exitCode()).isEqualTo(1);
    }

    @Test
    void withoutTheDeviceItSaysHowToHandItIn() throws Exception {
        HostConfig host = HostConfig.newHostConfig().withCapDrop(Capability.ALL).withCapAdd(Capability.NET_ADMIN);
        EndedContainer ended =
                EndedContainer.run(RingtapImage.name(), host, "0", "run", "--socket", "/tmp/s", "--tap", "kernel");
        assertThat(ended.output()).contains("/dev/net/tun", "container").doesNotContain("\tat ");
        assertThat(ended.exitCode()).isEqualTo(1);
    }

    @Test
    void aSecondStartTakesTheSocketOfOneThatWasKilled() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name()).leastPrivilege()) {
            container.start();
            var client = DockerClientFactory.instance().client();
            client.killContainerCmd(container.getContainerId()).exec();
            assertThat(Files.exists(container.socket())).isTrue();
            client.startContainerCmd(container.getContainerId()).exec();
            connectWithin(container);
        }
    }

    private static void connectWithin(RingtapContainer container) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(HEALTHY_LIMIT_S);
        while (true) {
            try (FakeGuest guest =
                    FakeGuest.builder(container.socket()).queuePairs(4).connect()) {
                assertThat(guest.queuePairs()).isEqualTo(4);
                return;
            } catch (IOException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }
}
