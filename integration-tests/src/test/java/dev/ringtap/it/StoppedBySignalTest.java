// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.EgressFilter;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.tun.TapDevice;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SIGTERM at an inconvenient moment: a command ends as it promises, without a trace and without a stack trace. */
class StoppedBySignalTest {
    private static final int SIGTERM_STATUS = 128 + 15;
    private static final long LIMIT_S = 60;

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    private final List<RingtapProcess> started = new ArrayList<>();
    private HostSide host;

    @AfterEach
    void end() throws IOException {
        for (var process : started) process.close();
        if (host != null) host.close();
    }

    @Test
    void runThatStillReadsItsOptions() throws Exception {
        Path pipe = namedPipe();
        Path socket = socket();
        var run = start(
                "run",
                "--tap",
                "emulated",
                "--socket",
                socket.toString(),
                "--steering",
                object("by_port") + ":steer",
                "--map",
                "queues=" + pipe);
        try (var writer = openWhenRead(pipe)) {
            assertThat(writer).isNotNull();
            assertThat(run.terminate()).as(run.output()).isZero();
        }
        assertThat(run.output()).contains("stopped before it served");
        assertThat(socket).doesNotExist();
    }

    /** Which is no reason to stay. */
    @Test
    void runThatWaitsForSomebodyToWriteWhatItOpens() throws Exception {
        Path pipe = namedPipe();
        Path socket = socket();
        var run = start("run", "--tap", "emulated", "--socket", socket.toString(), "--pcap-in", pipe.toString());
        try (var writer = openWhenRead(pipe)) {
            assertThat(writer).isNotNull();
            assertThat(run.terminate()).as(run.output()).isZero();
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    @RequiresTap
    @RequiresBpf
    void runThatHasItsTapAndDoesNotYetListen() throws Exception {
        host = HostSide.create();
        Path socket = socket();
        var run = startOnTap(socket, "device");
        await(run, host::tapExists);
        assertThat(run.terminate()).as(run.output()).isZero();
        assertThat(socket).doesNotExist();
        assertThat(host.tapExists()).isFalse();
        assertQuiet(run);
    }

    /** Without tcx the filter is the TAP's, which stays. */
    @Test
    @RequiresRoot
    @RequiresTap
    @RequiresBpf
    void runThatHasItsFilterOnAPersistentTapAndDoesNotYetListen() throws Exception {
        host = HostSide.create();
        host.namespace().run(WithoutTcx::onThisThread);
        LinkConfig link = host.namespace().call(() -> {
            try (var tap = TapDevice.open(TapDevice.Options.of(HostSide.TAP, 1).withPersist(true))) {
                tap.link().setUp(true);
            }
            return LinkConfig.open(HostSide.TAP);
        });
        try (link) {
            Path socket = socket();
            var run = startOnTap(socket, "ebpf");
            await(run, () -> !EgressFilter.names(link).isEmpty());
            assertThat(run.terminate()).as(run.output()).isZero();
            assertThat(socket).doesNotExist();
            assertThat(EgressFilter.names(link)).isEmpty();
            assertQuiet(run);
        }
    }

    @Test
    @RequiresTap
    @RequiresBpf
    void runWhoseTapIsTakenAwayMeanwhile() throws Exception {
        host = HostSide.create();
        for (int round = 0; round < 5; round++) {
            Path socket = directory.resolve("guest%d.sock".formatted(round));
            var run = startOnTap(socket, "device");
            run.awaitSocket(socket);
            run.askToEnd();
            Thread.sleep(2L * round);
            try {
                host.deleteTap();
            } catch (IOException e) {
                // It has gone by itself.
                assertThat(host.tapExists()).isFalse();
            }
            assertThat(run.awaitExit()).as(run.output()).isIn(0, 1);
            assertThat(socket).doesNotExist();
            assertQuiet(run);
        }
    }

    @Test
    void guestSaysWhatItHasSeenAndThatAllWasRight() throws Exception {
        Path socket = runEmulated();
        var guest = start("guest", "--socket", socket.toString(), "--ping", HostSide.HOST4);
        guest.awaitOutput(" packets, 0 mismatches");
        assertThat(guest.terminate()).as(guest.output()).isZero();
        assertThat(guest.output().lines().toList().getLast()).contains(" packets, 0 mismatches", "answers to pings");
        assertQuiet(guest);
    }

    @Test
    void guestWithoutAnAnswerFails() throws Exception {
        Path socket = runEmulated();
        var guest = start("guest", "--socket", socket.toString(), "--ping", "10.9.0.77");
        guest.awaitOutput("RSS over ");
        assertThat(guest.terminate()).as(guest.output()).isOne();
        assertThat(guest.output())
                .contains("0 mismatches", "no answer from 10.9.0.77")
                .doesNotContain("has gone");
        assertQuiet(guest);
    }

    /** As it appears: then TAP, socket and guest are still being made. */
    @ParameterizedTest
    @ValueSource(strings = {"verify", "compare"})
    void whatACommandHasMadeForItselfIsRemoved(String command) throws Exception {
        var process =
                watch(RingtapProcess.start(List.of("env", "JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + directory), command));
        await(process, () -> !made(command).isEmpty());
        assertThat(process.terminate()).as(process.output()).isEqualTo(SIGTERM_STATUS);
        assertThat(made(command)).isEmpty();
        assertQuiet(process);
    }

    private List<Path> made(String command) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().startsWith("ringtap-" + command))
                    .toList();
        }
    }

    private Path runEmulated() throws Exception {
        Path socket = socket();
        var run = start("run", "--tap", "emulated", "--socket", socket.toString(), "--address", HostSide.HOST4 + "/24");
        run.awaitSocket(socket);
        return socket;
    }

    private RingtapProcess startOnTap(Path socket, String hashSource) throws Exception {
        return watch(RingtapProcess.start(
                host.namespace(),
                "run",
                "--tap-name",
                HostSide.TAP,
                "--queue-pairs",
                "1",
                "--socket",
                socket.toString(),
                "--hash-source",
                hashSource));
    }

    private RingtapProcess start(String... arguments) throws Exception {
        return watch(RingtapProcess.start(List.of(), arguments));
    }

    private RingtapProcess watch(RingtapProcess process) {
        started.add(process);
        return outputs.watch(process);
    }

    private Path socket() {
        return directory.resolve("guest.sock");
    }

    private Path namedPipe() throws Exception {
        Path pipe = directory.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        return pipe;
    }

    /** Opens it for writing, which waits until somebody reads. */
    private static FileOutputStream openWhenRead(Path pipe) throws Exception {
        return CompletableFuture.supplyAsync(() -> {
                    try {
                        return new FileOutputStream(pipe.toFile());
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                })
                .get(LIMIT_S, TimeUnit.SECONDS);
    }

    /** Asks without a pause: the moment is short. */
    private static void await(RingtapProcess process, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (!condition.call()) {
            if (!process.isRunning() || System.nanoTime() > deadline) {
                throw process.failure("has not come so far");
            }
        }
    }

    private static void assertQuiet(RingtapProcess process) {
        assertThat(Arrays.stream(process.output().split("\n")))
                .noneMatch(line -> line.startsWith("\tat ") || line.contains("internal error"));
    }

    /** A program of the loader's tests, as a file. */
    private Path object(String name) throws Exception {
        try (var object =
                StoppedBySignalTest.class.getResourceAsStream("/dev/ringtap/linux/bpf/objects/" + name + ".bpf.o")) {
            return Files.write(directory.resolve(name + ".bpf.o"), object.readAllBytes());
        }
    }
}
