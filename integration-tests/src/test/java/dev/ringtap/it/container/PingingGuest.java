// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Volume;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** {@code ringtap guest} in a container of its own, without privileges and without a network. */
final class PingingGuest {
    private static final String HOST = "10.9.0.1";
    /** The host's address as {@code ringtap run} takes it. */
    static final String HOST_NETWORK = HOST + "/24";
    /**
     * The answers of {@link #HOST} hash to f316994b under Microsoft's key, entry 75 of 128: they come on the last of four
     * queues, and not on the first as all else.
     */
    private static final String ADDRESS = "10.9.0.6";
    /** What it has printed once answers came on the queue that they belong on. */
    static final String ANSWERED = "per queue \\[[0-9, ]+, [1-9][0-9]*], .* [1-9][0-9,]* answers to pings";

    private PingingGuest() {}

    /** Starts it as a user, by number, on a socket in a directory or volume. */
    static StartedContainer start(String directory, String user, String... options) {
        HostConfig host = HostConfig.newHostConfig()
                .withNetworkMode("none")
                .withCapDrop(Capability.ALL)
                .withBinds(new Bind(directory, new Volume(RingtapContainer.MOUNT), AccessMode.rw));
        List<String> command = new ArrayList<>(
                List.of("guest", "--socket", RingtapContainer.SOCKET, "--address", ADDRESS, "--ping", HOST));
        command.addAll(Arrays.asList(options));
        return StartedContainer.start(RingtapImage.name(), host, user, command.toArray(String[]::new));
    }

    /** Waits for its end, and holds it to answers on the right queue and no mismatch. */
    static void assertFoundNoMismatch(StartedContainer guest) throws InterruptedException {
        int exitCode = guest.awaitExit();
        assertThat(guest.output())
                .contains("RSS over 4 queue pairs", " 0 mismatches")
                .containsPattern(ANSWERED)
                .doesNotContain("mismatch: ");
        assertThat(exitCode).as(guest.output()).isZero();
    }
}
