// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.EngineChoice;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.TcpResponder;
import dev.ringtap.guest.traffic.Topology;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Phases whose guest goes, or whose packets do not arrive any more: they end soon, and say why. */
@Timeout(60)
class GoneGuestTest {
    private static final int PAIRS = 2;
    private static final int FLOWS = 300;
    private static final long SEED = 4;
    private static final long PATIENCE_MS = 300;

    private TestBed bed;
    private FlowPlan plan;
    private Judge judge;
    private FakeGuest guest;

    @BeforeEach
    void connect() throws Exception {
        bed = TestBed.on(
                EmulatedNetwork.create(PAIRS, HashSourceChoice.DEVICE, HashTypes.ALL), EngineChoice.epoll.resolve());
        plan = FlowPlan.create(bed.topology(), FLOWS, SEED, SEED);
        TcpResponder tcp = new TcpResponder(plan.flows(), bed.topology(), flow -> 0);
        Setting first = Setting.automatic("at first", 1, 0, VerifyRun.MICROSOFT_KEY);
        judge = new Judge(plan, tcp, bed.mtu(), PAIRS, first);
        guest = bed.connect(judge);
    }

    @AfterEach
    void close() {
        bed.close();
    }

    @Test
    void guestThatHasGoneEndsGuestToHost() {
        guest.vanish();
        assertThatThrownBy(() -> guestToHost(60_000).run(new int[FLOWS]))
                .isInstanceOf(CommandException.class)
                .hasMessageStartingWith("the guest stopped: ");
    }

    @Test
    void eachStepOfGuestToHostIsGivenUpOnceNothingArrives() throws Exception {
        long startNs = System.nanoTime();
        Outcome.Back back = guestToHost(PATIENCE_MS).run(new int[FLOWS]);
        long elapsedMs = (System.nanoTime() - startNs) / 1_000_000;
        assertThat(back.frames() + back.datagrams() + back.streamBytes()).isZero();
        assertThat(elapsedMs).as("three steps").isBetween(3 * PATIENCE_MS, 8 * PATIENCE_MS);
        assertThat(judge.failures())
                .extracting(Failure::problem)
                .anyMatch(problem -> problem.startsWith("32 of 64 frames sent, and nothing arrived any more"))
                .anyMatch(problem -> problem.matches("32 of \\d+ datagrams sent, and nothing .*"))
                .anyMatch(problem -> problem.matches("1 of \\d+ streams sent, and nothing .*"));
    }

    @Test
    void guestThatGoesUnderLoadIsNamedAndTheQueuesAreRestored() {
        LoadedNetwork network = new LoadedNetwork();
        GuestRss rss = new GuestRss(HashTypes.ALL, new int[] {0}, 0, VerifyRun.MICROSOFT_KEY);
        LoadPhase load = new LoadPhase(network, guest, judge, rss);
        assertThatThrownBy(() -> load.run(1_000, () -> 0))
                .isInstanceOf(CommandException.class)
                .hasMessageStartingWith("the guest stopped: ");
        assertThat(network.shortened).isFalse();
    }

    private GuestToHost guestToHost(long patienceMs) {
        return new GuestToHost(bed.topology(), plan, guest, new DeafHost(), judge, 1, patienceMs);
    }

    /** Receives nothing. */
    private static final class DeafHost implements HostSide {
        @Override
        public void connect() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void sendFrame(byte[] frame) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void sendDatagram(Flow flow, byte[] payload) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void write(Flow flow, byte[] bytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int read(Flow flow, ByteBuffer buffer) {
            return 0;
        }

        @Override
        public void shutdownOutput(Flow flow) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Datagram> receiveDatagrams() {
            return List.of();
        }

        @Override
        public byte[] receiveFrame() {
            return null;
        }

        @Override
        public void close() {
            // It has nothing.
        }
    }

    /** The guest vanishes with the first packet that is sent. */
    private final class LoadedNetwork implements HostNetwork {
        private boolean shortened;

        @Override
        public int mtu() throws IOException {
            return bed.mtu();
        }

        @Override
        public Topology topology() {
            return bed.topology();
        }

        @Override
        public HostSide open(List<Flow> flows) {
            throw new UnsupportedOperationException();
        }

        @Override
        public LoadSender openSender() {
            return new LoadSender() {
                @Override
                public boolean send(byte[] frame) {
                    guest.vanish();
                    return true;
                }

                @Override
                public boolean sendSegmented(
                        byte[] frame, int gsoType, int headersBytes, int segmentBytes, int csumStart, int csumOffset) {
                    return send(frame);
                }

                @Override
                public void close() {
                    // It has nothing.
                }
            };
        }

        @Override
        public void shortenQueues(int packets) {
            shortened = true;
        }

        @Override
        public void restoreQueues() {
            shortened = false;
        }

        @Override
        public long dropped() {
            return 0;
        }

        @Override
        public void close() {
            // The bed has its own.
        }
    }
}
