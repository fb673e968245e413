// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.it.uml.RequiresUml;
import dev.ringtap.it.uml.UmlGuest;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** {@code ringtap run} outlives its guests, whatever way they go, and goes itself without a trace. */
@RequiresTap
@RequiresBpf
class RunLifecycleTest {
    private static final long SEED = 2;

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    private HostSide host;
    private RingtapProcess ringtap;
    private Path socket;

    @BeforeEach
    void start() throws Exception {
        host = HostSide.create();
        socket = directory.resolve("guest.sock");
        ringtap = outputs.watch(RingtapProcess.start(
                host.namespace(),
                "run",
                "--tap-name",
                HostSide.TAP,
                "--queue-pairs",
                "2",
                "--socket",
                socket.toString()));
        ringtap.awaitSocket(socket);
        host.configureTap();
    }

    @AfterEach
    void end() throws IOException {
        if (ringtap != null) {
            ringtap.close();
        }
        host.close();
    }

    @Test
    @RequiresUml
    void guestsComeAndGo() throws Exception {
        for (int boot = 1; boot <= 2; boot++) {
            try (var guest = bootAndPing()) {
                guest.powerOff();
            }
        }
        assertEndsWithoutTrace();
    }

    @Test
    @RequiresUml
    void guestKilledInMidTransferIsFollowedByTheNext() throws Exception {
        try (var guest = bootAndPing();
                var listener = host.listen(5002);
                var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            // More than is ever sent: the guest dies on the way.
            guest.run("tcpstream send " + HostSide.HOST4 + " 5002 " + SEED + " 1000000000000 > /dev/null 2>&1 &");
            listener.setSoTimeout(30_000);
            try (var connection = listener.accept()) {
                var read = executor.submit(() -> connection.getInputStream().readNBytes(10_000_000).length);
                assertThat(read.get()).isEqualTo(10_000_000);
                guest.kill();
            }
        }
        assertThat(ringtap.isRunning()).isTrue();
        try (var guest = bootAndPing()) {
            guest.powerOff();
        }
        assertEndsWithoutTrace();
    }

    @Test
    @RequiresUml
    void endsWithAGuestAttached() throws Exception {
        try (var guest = bootAndPing()) {
            assertThat(guest.isRunning()).isTrue();
            assertEndsWithoutTrace();
        }
    }

    @Test
    void endsWithAMessageWhenItsTapIsTakenAway() throws Exception {
        host.deleteTap();
        assertThat(ringtap.awaitExit()).isEqualTo(1);
        assertThat(ringtap.output()).contains("the TAP device " + HostSide.TAP + " is gone");
        assertThat(socket).doesNotExist();
    }

    @Test
    @RequiresUml
    void endsWithAMessageWhenItsTapIsTakenAwayFromAGuest() throws Exception {
        try (var guest = bootAndPing()) {
            host.deleteTap();
            assertThat(ringtap.awaitExit()).isEqualTo(1);
            assertThat(ringtap.output()).contains("the TAP device " + HostSide.TAP + " is gone");
            assertThat(socket).doesNotExist();
            assertThat(guest.isRunning()).isTrue();
        }
    }

    @Test
    @RequiresUml
    void rubbishOnTheSocketIsRefusedAndTheNextFrontEndServed() throws Exception {
        int descriptors = ringtap.openDescriptors();
        var random = new SplittableRandom(SEED);
        for (int round = 0; round < 200; round++) {
            sendRubbish(random);
        }
        assertThat(ringtap.isRunning()).isTrue();
        try (var guest = bootAndPing()) {
            guest.powerOff();
        }
        ringtap.awaitOutput("front-end gone");
        awaitDescriptors(descriptors);
        assertEndsWithoutTrace();
    }

    /** Random bytes, every other time behind the header of a message that is almost right. */
    private void sendRubbish(SplittableRandom random) throws IOException {
        byte[] bytes = new byte[random.nextInt(1, 400)];
        random.nextBytes(bytes);
        if (random.nextBoolean()) {
            // struct vhost_user_msg: request, flags (version 1, sometimes NEED_REPLY), payload size
            ByteBuffer message = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            if (bytes.length >= 12) {
                message.putInt(random.nextInt(0, 45)).putInt(random.nextBoolean() ? 1 : 9);
                message.putInt(bytes.length - 12 + random.nextInt(-8, 9));
            }
        }
        try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            channel.write(ByteBuffer.wrap(bytes));
            channel.shutdownOutput();
            // Answers, if any, up to the end that the emulator makes.
            ByteBuffer answers = ByteBuffer.allocate(4096);
            while (channel.read(answers.clear()) >= 0) {
                assertThat(answers.position()).isPositive();
            }
        } catch (IOException refused) {
            // Closed on us in the middle of the bytes: as good an answer.
            assertThat(refused).hasMessageMatching("(?i).*(broken pipe|connection reset).*");
        }
    }

    private void awaitDescriptors(int count) throws InterruptedException {
        for (int tries = 0; ringtap.openDescriptors() > count && tries < 200; tries++) {
            Thread.sleep(50);
        }
        assertThat(ringtap.openDescriptors()).isLessThanOrEqualTo(count);
    }

    private UmlGuest bootAndPing() throws Exception {
        UmlGuest guest = UmlGuest.boot(List.of(socket));
        try {
            new GuestNetwork(guest).configure();
            host.ping(HostSide.GUEST4);
            host.ping(HostSide.GUEST6);
            return guest;
        } catch (Exception | Error e) {
            guest.close();
            throw e;
        }
    }

    private void assertEndsWithoutTrace() throws Exception {
        assertThat(ringtap.terminate()).isZero();
        assertThat(socket).doesNotExist();
        assertThat(host.tapExists()).isFalse();
    }
}
