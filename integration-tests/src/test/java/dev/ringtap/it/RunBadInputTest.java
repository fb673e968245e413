// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code ringtap run} says to a request it cannot fulfil, how it ends, and that it leaves nothing behind. */
@RequiresTap
@RequiresBpf
class RunBadInputTest {
    /** The request itself is wrong. */
    private static final int USAGE = 2;
    /** The request is right and this machine cannot fulfil it. */
    private static final int FAILED = 1;

    @TempDir
    Path directory;

    private HostSide host;
    private Path socket;

    @BeforeEach
    void makeHost() throws Exception {
        host = HostSide.create();
        socket = directory.resolve("guest.sock");
    }

    @AfterEach
    void closeHost() {
        host.close();
    }

    @Test
    void unknownOption() throws Exception {
        assertRefused(USAGE, List.of("--quiet"), "Unknown option: '--quiet'");
    }

    @Test
    void missingSocket() throws Exception {
        String output = assertEnds(USAGE, List.of(), "run", "--tap-name", HostSide.TAP);
        assertThat(output).contains("--socket");
    }

    @Test
    void noQueuePair() throws Exception {
        assertRefused(USAGE, List.of("--queue-pairs", "0"), "--queue-pairs", "0", "1 to");
    }

    @Test
    void moreQueuePairsThanThereAre() throws Exception {
        assertRefused(USAGE, List.of("--queue-pairs", "300"), "--queue-pairs", "300", "1 to");
    }

    @Test
    void queuePairsThatAreNoNumber() throws Exception {
        assertRefused(USAGE, List.of("--queue-pairs", "many"), "--queue-pairs", "many");
    }

    @Test
    void tapNameTooLong() throws Exception {
        String output =
                assertEnds(USAGE, List.of(), "run", "--tap-name", "a-name-of-sixteen", "--socket", socket.toString());
        assertThat(output).contains("--tap-name", "a-name-of-sixteen", "15");
    }

    @Test
    void tapByItsNameAsItOnceWas() throws Exception {
        String output = assertEnds(USAGE, List.of(), "run", "--tap", HostSide.TAP, "--socket", socket.toString());
        assertThat(output).contains("--tap-name " + HostSide.TAP);
    }

    @Test
    void tapNameTakenByAnotherKindOfInterface() throws Exception {
        String output = assertEnds(FAILED, List.of(), "run", "--tap-name", "lo", "--socket", socket.toString());
        assertThat(output).contains("lo", "the name is taken by an interface that is not a TAP");
    }

    @Test
    void tapInUseByAnotherRun() throws Exception {
        try (var first = run(HostSide.TAP, directory.resolve("first.sock"))) {
            first.awaitSocket(directory.resolve("first.sock"));
            String output =
                    assertEnds(FAILED, List.of(), "run", "--tap-name", HostSide.TAP, "--socket", socket.toString());
            assertThat(output).contains(HostSide.TAP, "the name is taken by a TAP that another process holds open");
            assertThat(first.isRunning()).isTrue();
            assertThat(host.tapExists()).isTrue();
            assertThat(first.terminate()).isZero();
        }
    }

    @Test
    void socketInUseByAnotherRun() throws Exception {
        try (var first = run("tap1", socket)) {
            first.awaitSocket(socket);
            String output =
                    assertEnds(FAILED, List.of(), "run", "--tap-name", HostSide.TAP, "--socket", socket.toString());
            assertThat(output).contains(socket.toString(), "another process listens there");
            assertThat(host.tapExists()).isFalse();
            assertThat(socket).exists();
            assertThat(first.terminate()).isZero();
        }
    }

    @Test
    void socketPathIsAnOrdinaryFile() throws Exception {
        Files.writeString(socket, "precious");
        String output = assertEnds(FAILED, List.of(), "run", "--tap-name", HostSide.TAP, "--socket", socket.toString());
        assertThat(output).contains(socket.toString(), "not a socket");
        assertThat(socket).hasContent("precious");
        assertThat(host.tapExists()).isFalse();
    }

    @Test
    void socketPathTooLong() throws Exception {
        Path tooLong = directory.resolve("x".repeat(100));
        String output = assertEnds(USAGE, List.of(), "run", "--tap-name", HostSide.TAP, "--socket", tooLong.toString());
        assertThat(output).contains("--socket", "107 bytes");
    }

    @Test
    void socketInADirectoryThatIsNotThere() throws Exception {
        Path nowhere = directory.resolve("nowhere/guest.sock");
        String output =
                assertEnds(FAILED, List.of(), "run", "--tap-name", HostSide.TAP, "--socket", nowhere.toString());
        assertThat(output).contains(nowhere.toString());
        assertThat(host.tapExists()).isFalse();
    }

    @Test
    void noPermissionForATap() throws Exception {
        String output = assertEnds(
                FAILED,
                List.of("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"),
                "run",
                "--tap-name",
                HostSide.TAP,
                "--socket",
                socket.toString());
        assertThat(output).contains(HostSide.TAP, "CAP_NET_ADMIN");
        assertThat(socket).doesNotExist();
    }

    @Test
    void programsThatAreNotThereOrDoNotFit() throws Exception {
        String byPort = object("by_port");
        Path queues = Files.writeString(directory.resolve("queues"), "80/be16 = 2\n443/be16 = two\n");
        Path text = Files.writeString(directory.resolve("steer.c"), "int steer;".repeat(20));
        assertRefused(USAGE, List.of("--steering", directory + "/no.o"), directory + "/no.o: there is no such file");
        assertRefused(USAGE, List.of("--steering", text.toString()), text + ": is not an ELF file");
        assertRefused(USAGE, List.of("--steering", byPort), "has several programs of type 'socket'", "'admit'");
        assertRefused(USAGE, List.of("--filter", byPort + ":tc"), "no section 'tc'; it has 'steer'");
        assertRefused(USAGE, List.of("--filter", object("sections") + ":tc"), "is of type 'tc', here must be 'socket'");
        assertRefused(
                USAGE,
                List.of("--steering", byPort + ":steer", "--map", "queues=" + queues),
                queues + ": line 2: value 'two': is no number");
        assertRefused(
                USAGE,
                List.of("--steering", byPort + ":steer", "--map", "queue=" + queues),
                "there is no map 'queue'",
                "queues, closed, .rodata.settings");
        assertRefused(USAGE, List.of("--map", "queues=" + queues), "give one by --steering or --filter");
        assertRefused(
                USAGE,
                List.of("--steering", byPort + ":steer", "--map", "queues"),
                "--map 'queues': expected NAME=FILE");
        assertRefused(FAILED, List.of("--steering", object("kfunc")), "calls ringtap_", "no released kernel has it");
    }

    @Test
    void programThatTheVerifierRefuses() throws Exception {
        Path log = directory.resolve("log");
        String refused = object("refused");
        assertRefused(
                FAILED,
                List.of("--steering", refused, "--verifier-log", log.toString()),
                "ringtap: " + refused + ", section 'socket': the kernel's verifier refused program 'unchecked':"
                        + " Permission denied (EACCES)\n",
                "\n  flows                              hash     4      8     1024    0x0\n",
                "\nwhat the verifier says:\n");
        assertThat(log).content().contains("invalid mem access").contains("processed");
        Path nowhere = directory.resolve("nowhere/log");
        assertRefused(
                FAILED,
                List.of("--steering", refused, "--verifier-log", nowhere.toString()),
                "--verifier-log " + nowhere + ": cannot be written: there is no directory " + nowhere.getParent(),
                "the kernel's verifier refused program 'unchecked'");
    }

    @Test
    void hashSourceBesideASteeringProgram() throws Exception {
        assertRefused(
                USAGE,
                List.of("--steering", object("by_port") + ":socket/steering", "--hash-source", "ebpf"),
                "--hash-source ebpf: with a program of --steering hashes are computed by the device");
    }

    /** A program of the loader's tests, as a file. */
    private String object(String name) throws Exception {
        try (var object =
                RunBadInputTest.class.getResourceAsStream("/dev/ringtap/linux/bpf/objects/" + name + ".bpf.o")) {
            return Files.write(directory.resolve(name + ".bpf.o"), object.readAllBytes())
                    .toString();
        }
    }

    private RingtapProcess run(String tap, Path at) throws Exception {
        return RingtapProcess.start(host.namespace(), "run", "--tap-name", tap, "--socket", at.toString());
    }

    /** Good options and these: refused, and neither TAP nor socket remains. */
    private void assertRefused(int status, List<String> options, String... said) throws Exception {
        List<String> arguments =
                new ArrayList<>(List.of("run", "--tap-name", HostSide.TAP, "--socket", socket.toString()));
        arguments.addAll(options);
        assertThat(assertEnds(status, List.of(), arguments.toArray(String[]::new)))
                .contains(said);
        assertThat(host.tapExists()).isFalse();
        assertThat(socket).doesNotExist();
    }

    /** Runs to the end; what it printed, which is for people: no stack trace. */
    private String assertEnds(int status, List<String> wrapper, String... arguments) throws Exception {
        try (var process = RingtapProcess.start(host.namespace(), wrapper, arguments)) {
            int ended = process.awaitExit();
            String output = process.output();
            assertThat(ended).as(output).isEqualTo(status);
            assertThat(Arrays.stream(output.split("\n")))
                    .noneMatch(line -> line.startsWith("\tat ") || line.contains("Exception"));
            return output;
        }
    }
}
