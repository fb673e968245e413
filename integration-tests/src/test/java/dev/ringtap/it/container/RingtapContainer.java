// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Volume;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;

/** {@code ringtap run} in a container, its socket in a directory that the host has, too. */
final class RingtapContainer extends GenericContainer<RingtapContainer> {
    static final String MOUNT = "/run/ringtap";
    static final String SOCKET = MOUNT + "/guest.sock";
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final String LISTENING = "listening on ";
    static final String TUN = "/dev/net/tun";
    /** The image's user without privileges. */
    private static final int IMAGE_USER = 65532;

    private final Path directory;

    RingtapContainer(String image, String... arguments) {
        super(image);
        try {
            directory = Files.createTempDirectory("ringtap-it-");
            // Whoever the container's user is, the socket is his to make.
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String[] command = Stream.concat(Stream.of("run", "--socket", SOCKET), Arrays.stream(arguments))
                .toArray(String[]::new);
        setCommand(command);
        with(config -> config.withBinds(new Bind(directory.toString(), new Volume(MOUNT), AccessMode.rw)));
        setWaitStrategy(Wait.forLogMessage(".*" + LISTENING + ".*\\n", 1).withStartupTimeout(START_LIMIT));
    }

    /** With all privileges. */
    RingtapContainer privileged() {
        return withPrivilegedMode(true).withTun();
    }

    /** With what a TAP and a steering program need, as narrow as this engine can give it. */
    RingtapContainer leastPrivilege() {
        return withTun().capabilities(Capability.NET_ADMIN, Capability.BPF, Capability.PERFMON);
    }

    /**
     * Without any privilege, as the user who runs the tests, so that he may connect to the socket; root may anyway, and gets
     * the image's user.
     */
    RingtapContainer unprivileged() {
        return capabilities().withCreateContainerCmdModifier(create -> create.withUser(unprivilegedUser()));
    }

    /** The user of {@link #unprivileged()}, by number. */
    static String unprivilegedUser() {
        int tester = Posix.effectiveUid();
        return Integer.toString(tester == 0 ? IMAGE_USER : tester);
    }

    /** With these capabilities, and no other. */
    RingtapContainer capabilities(Capability... capabilities) {
        CapabilityRequest request = CapabilityRequest.of(capabilities);
        withEnv(request.environment());
        return with(config -> config.withCapDrop(Capability.ALL)
                .withCapAdd(request.byName().toArray(Capability[]::new))
                .withRuntime(request.runtime()));
    }

    /** With its socket on a volume of the engine's in place of the host's directory. */
    RingtapContainer onVolume(String name) {
        return with(config -> config.withBinds(new Bind(name, new Volume(MOUNT), AccessMode.rw)));
    }

    RingtapContainer withTun() {
        return with(config -> config.withDevices(new Device("rwm", TUN, TUN)));
    }

    RingtapContainer with(Consumer<HostConfig> change) {
        return withCreateContainerCmdModifier(create -> change.accept(create.getHostConfig()));
    }

    /** The socket as the host sees it. */
    Path socket() {
        return directory.resolve("guest.sock");
    }

    /** The directory that the container has as {@link #MOUNT}. */
    Path directory() {
        return directory;
    }

    /** The process, by its number on the host. */
    long pid() {
        return getCurrentContainerInfo().getState().getPidLong();
    }

    /** The container's network namespace, as a file. */
    Path networkNamespace() {
        return Path.of("/proc/%d/ns/net".formatted(pid()));
    }

    /** Enters the container's network namespace. */
    NetworkNamespace enterNetwork() throws IOException {
        return NetworkNamespace.at(networkNamespace());
    }

    /** Waits until it listens for the second time, after a restart. */
    void awaitListeningAgain() throws InterruptedException {
        long deadline = System.nanoTime() + START_LIMIT.toNanos();
        while (getLogs().split(LISTENING, -1).length - 1 < 2) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("does not listen again:\n" + getLogs());
            }
            Thread.sleep(100);
        }
    }

    /** Stops it as an operator does, by SIGTERM; its exit code. */
    long terminate() {
        var client = DockerClientFactory.instance().client();
        client.stopContainerCmd(getContainerId()).withTimeout(10).exec();
        return client.inspectContainerCmd(getContainerId()).exec().getState().getExitCodeLong();
    }

    @Override
    public void close() {
        super.close();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
