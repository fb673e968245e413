// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.hostile;

import static dev.ringtap.it.hostile.EmulatorBench.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.guest.vhost.FrontEnd;
import dev.ringtap.guest.vhost.FrontEndRequest;
import dev.ringtap.guest.vhost.VhostUserException;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.memory.MemFd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A front-end that sends what it must not: the message is refused or the connection ends, no descriptor stays open, and
 * the next front-end is served.
 */
@RequiresTap
@ParameterizedClass
@EnumSource(IoEngine.class)
class HostileFrontEndTest {
    private static final Duration REPLY_LIMIT = Duration.ofSeconds(10);
    private static final long REPLY_ACK = 1L << 3;

    @Parameter
    private IoEngine engine;

    private EmulatorBench bench;

    @BeforeEach
    void open() throws Exception {
        bench = new EmulatorBench(engine);
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
    }

    @Test
    void refusesMessagesThatMakeNoSenseAndKeepsTheConnection() throws Exception {
        try (FrontEnd frontEnd = connect();
                EventFd event = EventFd.create();
                MemFd file = MemFd.create("small", 4096)) {
            int eventFd = event.fd().number();
            int fileFd = file.fd().number();
            expectRefused(() -> frontEnd.setVringNum(200, 256));
            expectRefused(() -> frontEnd.setVringNum(0, 0));
            expectRefused(() -> frontEnd.setVringNum(0, 100));
            expectRefused(() -> frontEnd.setVringNum(0, 65_536));
            // CVE-2020-10723: an index whose low 16 bits are those of a queue that exists.
            expectRefused(() -> frontEnd.setVringNum(0x1_0000, 256));
            expectRefused(() -> frontEnd.setVringBase(0, 0x1_0000));
            expectRefused(() -> frontEnd.setVringAddr(0, 1, 0, 0, 0, 0));
            expectRefused(() -> frontEnd.setVringEnable(99, true));
            expectRefused(() -> frontEnd.setFeatures(1L << 45));
            expectRefused(() -> frontEnd.setProtocolFeatures(REPLY_ACK | 1L << 60));
            expectRefused(() -> frontEnd.setVringFd(FrontEndRequest.SET_VRING_KICK, 0, fileFd));
            expectRefused(() -> frontEnd.setVringFd(FrontEndRequest.SET_VRING_CALL, 77, eventFd));
            // Larger than its file; wrapping around; overlapping.
            expectRefused(() -> frontEnd.setMemTable(List.of(new GuestRam.Region(0, 0, 8192, 0)), fileFd));
            expectRefused(() -> frontEnd.setMemTable(List.of(new GuestRam.Region(0, 0, 4096, -4096)), fileFd));
            expectRefused(() -> frontEnd.setMemTable(List.of(new GuestRam.Region(-1, 0, 4096, 0)), fileFd));
            expectRefused(() -> frontEnd.setMemTable(
                    List.of(new GuestRam.Region(0, 0, 4096, 0), new GuestRam.Region(2048, 1 << 20, 4096, 0)),
                    fileFd,
                    fileFd));
            expectRefused(() -> frontEnd.setStatus(256));
            assertThat(frontEnd.getFeatures()).as("the connection lives").isNotZero();
        }
        bench.proveItServes();
    }

    /** QEMU keeps the control queue to itself and passes the features that need one on without it. */
    @Test
    void takesManyQueuesWithoutAControlQueue() throws Exception {
        long features = GuestFeature.of(
                GuestFeature.VERSION_1, GuestFeature.MRG_RXBUF, GuestFeature.MQ, GuestFeature.PROTOCOL_FEATURES);
        try (FrontEnd frontEnd = connect();
                GuestRam ram = GuestRam.create(1 << 20, 1)) {
            frontEnd.setFeatures(features);
            frontEnd.setMemTable(ram);
            for (int i = 0; i < 2 * EmulatorBench.QUEUE_PAIRS; i++) {
                try (Vring vring = Vring.create(i, new DriverVirtqueue(ram, 256, 0, false, 0))) {
                    frontEnd.setUp(vring, 0);
                }
                frontEnd.setVringEnable(i, true);
            }
            assertThat(bench.emulator().snapshot().device())
                    .contains("over %d of %1$d queue pairs".formatted(EmulatorBench.QUEUE_PAIRS));
        }
        bench.proveItServes();
    }

    /** The protocol's word for a refused GET_CONFIG is a reply without payload; the connection goes on. */
    @Test
    void answersGetConfigOutOfRangeWithoutPayload() throws Exception {
        try (FrontEnd frontEnd = connect()) {
            for (int[] offsetAndSize : new int[][] {{256, 8}, {252, 8}, {-1, 8}, {0x7FFF_FFFF, 8}, {-8, 8}}) {
                int size = offsetAndSize[1];
                byte[] request = ByteBuffer.allocate(12 + size)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(offsetAndSize[0])
                        .putInt(size)
                        .array();
                assertThat(frontEnd.ask(FrontEndRequest.GET_CONFIG, request).payload())
                        .as("%d bytes at %d", size, offsetAndSize[0])
                        .isEmpty();
            }
            assertThat(frontEnd.getConfig(248, 8)).as("the last bytes").hasSize(8);
        }
        bench.proveItServes();
    }

    /** A ring outside the memory table is refused when it would start, not when it is first used. */
    @Test
    void refusesARingOutsideMemory() throws Exception {
        try (FrontEnd frontEnd = connect();
                EventFd kick = EventFd.create();
                GuestRam ram = GuestRam.create(1 << 16, 1)) {
            frontEnd.setFeatures(frontEnd.getFeatures());
            frontEnd.setMemTable(ram);
            frontEnd.setVringNum(1, 256);
            frontEnd.setVringAddr(1, 0, 0x10, 0x20, 0x30, 0);
            frontEnd.setVringFd(FrontEndRequest.SET_VRING_KICK, 1, kick.fd().number());
            expectRefused(() -> frontEnd.setVringEnable(1, true));
        }
        bench.proveItServes();
    }

    @Test
    void endsAConnectionThatIsNoVhostUser() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        bench.proveItServes();
        long descriptors = EmulatorBench.openDescriptors();
        for (int i = 0; i < 50; i++) {
            long connections = bench.connections();
            byte[] rubbish = new byte[12 + random.nextInt(500)];
            random.nextBytes(rubbish);
            try (FrontEnd frontEnd = FrontEnd.connect(bench.socket(), REPLY_LIMIT);
                    EventFd event = EventFd.create()) {
                frontEnd.sendBytes(rubbish, event.fd().number(), event.fd().number());
            } catch (IOException e) {
                // The emulator may be faster at closing than this is at sending.
            }
            bench.awaitGone(connections);
        }
        bench.proveItServes();
        await("descriptors leak", () -> {
            try {
                return EmulatorBench.openDescriptors() <= descriptors;
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    /** Well-formed headers with every request number and random payloads, in the middle of a handshake. */
    @Test
    void survivesRandomWellFormedMessages() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            long connections = bench.connections();
            try (FrontEnd frontEnd = FrontEnd.connect(bench.socket(), REPLY_LIMIT)) {
                for (int m = 0; m < 10; m++) {
                    int[] sizes = {0, 8, 8, 12, 24, 40, 40};
                    int size = sizes[random.nextInt(sizes.length)];
                    ByteBuffer message = ByteBuffer.allocate(12 + size)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(1 + random.nextInt(41))
                            .putInt(1)
                            .putInt(size);
                    while (message.hasRemaining()) {
                        message.putInt(random.nextInt(8));
                    }
                    frontEnd.sendBytes(message.array());
                }
            } catch (IOException e) {
                // Refused before all were sent.
            }
            bench.awaitGone(connections);
        }
        bench.proveItServes();
    }

    @Test
    void turnsASecondFrontEndAwayAndLeavesTheFirstAlone() throws Exception {
        try (FakeGuest first = bench.guest(new LinkedBlockingQueue<>()).connect()) {
            assertThatThrownBy(() -> {
                        try (FrontEnd second = FrontEnd.connect(bench.socket(), REPLY_LIMIT)) {
                            second.getFeatures();
                        }
                    })
                    .isInstanceOf(IOException.class);
            assertThat(first.frontEnd().getFeatures()).isEqualTo(first.offeredFeatures());
        }
        bench.proveItServes();
    }

    /** The front-end dies without a word while frames flow both ways. */
    @Test
    void survivesAFrontEndThatVanishes() throws Exception {
        for (int i = 0; i < 5; i++) {
            long connections = bench.connections();
            FakeGuest guest = bench.guest(new LinkedBlockingQueue<>()).connect();
            for (int p = 0; p < 100; p++) {
                guest.channel().write(TransmitPacket.plain(p % 2, bench.frame()));
            }
            guest.channel().flush();
            guest.vanish();
            bench.awaitGone(connections);
        }
        bench.proveItServes();
    }

    private FrontEnd connect() throws Exception {
        FrontEnd frontEnd = FrontEnd.connect(bench.socket(), REPLY_LIMIT);
        frontEnd.setOwner();
        frontEnd.getFeatures();
        frontEnd.setProtocolFeatures(frontEnd.getProtocolFeatures());
        return frontEnd;
    }

    private static void expectRefused(ThrowingCallable message) {
        assertThatThrownBy(message).isInstanceOf(VhostUserException.class).hasMessageContaining("refused");
    }
}
