// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.HostConfig;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.it.container.RequiresDocker.Need;
import dev.ringtap.linux.RequiresRoot;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.testcontainers.DockerClientFactory;

/** How the image starts, answers, says what it lacks, and ends. */
@RequiresDocker
class ContainerLifecycleTest {
    private static final long MOST_IMAGE_BYTES = 150_000_000;
    private static final long HEALTHY_LIMIT_S = 60;
    private static final Device TUN = new Device("rwm", RingtapContainer.TUN, RingtapContainer.TUN);

    @Test
    void theImageIsSmallAndSaysWhatItIs() {
        var image = RingtapImage.inspect();
        System.out.printf("container image: %,d bytes%n", image.getSize());
        assertThat(image.getSize()).isLessThanOrEqualTo(MOST_IMAGE_BYTES);
        assertThat(image.getConfig().getLabels())
                .containsEntry("org.opencontainers.image.title", "ringtap")
                .containsEntry("org.opencontainers.image.licenses", "Apache-2.0");
    }

    /** Its socket is root's. */
    @Test
    @RequiresDocker(Need.TAP)
    @RequiresRoot
    void aGuestOnTheHostIsServedAndSigtermEndsItInOrder() throws Exception {
        try (var container =
                new RingtapContainer(RingtapImage.name(), "--address", PingingGuest.HOST_NETWORK).leastPrivilege()) {
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
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "emulated").unprivileged()) {
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
    @RequiresDocker(Need.TAP)
    void aGuestInASecondContainerIsServed() throws Exception {
        try (var container =
                new RingtapContainer(RingtapImage.name(), "--address", PingingGuest.HOST_NETWORK).leastPrivilege()) {
            container.start();
            assertGuestIsServed(container, "0");
        }
    }

    /** No capability, no device, no root: the emulated TAP, with the host that it brings along. */
    @Test
    void aUserWithoutPrivilegesServesAGuestOnTheEmulatedTap() throws Exception {
        try (var container = new RingtapContainer(
                        RingtapImage.name(), "--tap", "emulated", "--address", PingingGuest.HOST_NETWORK)
                .unprivileged()) {
            container.start();
            assertThat(ProcessCapabilities.effective(container.pid())).isEmpty();
            assertGuestIsServed(container, RingtapContainer.unprivilegedUser());
            assertThat(container.terminate()).isZero();
        }
    }

    /** The container's user is the tester: the socket is his. */
    @Test
    @RequiresDocker(Need.NATIVE)
    void aGuestOnTheHostIsServedByAContainerOfTheSameUser() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "emulated").unprivileged()) {
            container.start();
            try (FakeGuest guest =
                    FakeGuest.builder(container.socket()).queuePairs(4).connect()) {
                assertThat(guest.ackedFeatures()).matches(GuestFeature.RSS::in).matches(GuestFeature.HASH_REPORT::in);
            }
        }
    }

    private static void assertGuestIsServed(RingtapContainer container, String user) throws Exception {
        try (var guest = PingingGuest.start(container.directory().toString(), user, "--seconds", "3")) {
            PingingGuest.assertFoundNoMismatch(guest);
        }
    }

    @Test
    @RequiresDocker(Need.TAP)
    void withoutTheCapabilityItSaysWhichOne() throws Exception {
        HostConfig host = HostConfig.newHostConfig().withCapDrop(Capability.ALL).withDevices(TUN);
        EndedContainer ended =
                EndedContainer.run(RingtapImage.name(), host, "0", "run", "--socket", "/tmp/s", "--tap", "kernel");
        assertThat(ended.output()).contains("CAP_NET_ADMIN").doesNotContain("\tat ");
        assertThat(ended.exitCode()).isEqualTo(1);
    }

    @Test
    @RequiresDocker(Need.TAP)
    void withoutBpfItOffersNoRssAndSaysWhy() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "kernel")
                .withTun()
                .capabilities(Capability.NET_ADMIN)) {
            container.start();
            assertThat(container.getLogs()).contains("RSS is not offered: ", "CAP_BPF is needed");
        }
    }

    /** As the default profile of Podman before 5.2 does, whatever the capabilities. */
    @Test
    @RequiresDocker(Need.TAP)
    void whereSeccompForbidsBpfItSaysThatTheCapabilityIsThere() throws Exception {
        String profile = """
                {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]}""";
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "kernel")
                .leastPrivilege()
                .with(config -> config.withSecurityOpts(List.of("seccomp=" + profile)))) {
            container.start();
            assertThat(container.getLogs()).contains("RSS is not offered: ", "CAP_BPF is there, but a seccomp filter");
        }
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
    @RequiresDocker(Need.NATIVE)
    void aSecondStartTakesTheSocketOfOneThatWasKilled() throws Exception {
        try (var container = new RingtapContainer(RingtapImage.name(), "--tap", "emulated").unprivileged()) {
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
