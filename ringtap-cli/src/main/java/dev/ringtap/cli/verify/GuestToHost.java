// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind.Carrier;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.ReturnTraffic;
import dev.ringtap.guest.traffic.Topology;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The other direction: frames that must come out of the TAP byte by byte as the guest sent them; datagrams whose
 * checksum is left to the device; TCP data in frames larger than a segment. Real sockets receive the latter two, so the
 * host's kernel judges too.
 */
final class GuestToHost {
    private static final int FRAMES_PER_QUEUE = 64;
    private static final int SHORTEST_DATA_BYTES = 16;
    private static final int LONGEST_DATA_BYTES = 1500;
    private static final int STREAM_SMALL_BYTES = 700;
    private static final int STREAM_LARGE_BYTES = 30_000;
    private static final long PATIENCE_MS = 4_000;

    /** Frames under way: what a packet socket's or a datagram socket's buffer surely takes. */
    private static final int WINDOW = 32;

    private final Topology topology;
    private final FlowPlan plan;
    private final FakeGuest guest;
    private final HostSide host;
    private final Judge judge;
    private final int queues;
    private final long patienceMs;
    private long frames;
    private long datagrams;
    private long partialChecksums;
    private long streamBytes;
    private long largeFrames;

    GuestToHost(Topology topology, FlowPlan plan, FakeGuest guest, HostSide host, Judge judge, int queues) {
        this(topology, plan, guest, host, judge, queues, PATIENCE_MS);
    }

    /** @param patienceMs how long nothing may arrive before the rest is given up */
    GuestToHost(
            Topology topology,
            FlowPlan plan,
            FakeGuest guest,
            HostSide host,
            Judge judge,
            int queues,
            long patienceMs) {
        this.topology = topology;
        this.plan = plan;
        this.guest = guest;
        this.host = host;
        this.judge = judge;
        this.queues = queues;
        this.patienceMs = patienceMs;
    }

    /**
     * Sends and compares everything.
     *
     * @param sequences next packet number of each flow, moved on
     * @throws CommandException if the guest has ended
     */
    Outcome.Back run(int[] sequences) throws Exception {
        plainFrames();
        datagrams(sequences);
        streams();
        return new Outcome.Back(frames, datagrams, partialChecksums, streamBytes, largeFrames);
    }

    private void plainFrames() throws Exception {
        drainFrames();
        int count = FRAMES_PER_QUEUE * queues;
        Map<ByteBuffer, Integer> underWay = new HashMap<>();
        boolean arrives = true;
        for (int i = 0; i < count && arrives; i++) {
            int span = LONGEST_DATA_BYTES - SHORTEST_DATA_BYTES;
            int dataBytes = i % 8 == 0 ? LONGEST_DATA_BYTES : SHORTEST_DATA_BYTES + i * 37 % span;
            byte[] frame = ReturnTraffic.plainFrame(topology, plan.pattern(), i, dataBytes);
            underWay.put(ByteBuffer.wrap(frame), i);
            guest.channel().writeAndFlush(TransmitPacket.plain(i % queues, frame));
            arrives = awaitFrames(underWay, WINDOW);
            if (!arrives) {
                giveUp("frames", i + 1, count);
            }
        }
        if (arrives) {
            awaitFrames(underWay, 1);
        }
        for (int number : underWay.values()) {
            judge.failed(null, -1, "frame " + number + " from the guest did not reach the host as it was sent");
        }
    }

    /** Waits until less than {@code limit} frames are under way; false if nothing arrives any more. */
    private boolean awaitFrames(Map<ByteBuffer, Integer> underWay, int limit) throws Exception {
        Patience patience = new Patience();
        while (underWay.size() >= limit) {
            byte[] frame = host.receiveFrame();
            if (frame != null && underWay.remove(ByteBuffer.wrap(frame)) != null) {
                frames++;
                patience.renew();
            } else if (patience.over()) {
                return false;
            } else if (frame == null) {
                Thread.sleep(0, 100_000);
            }
        }
        return true;
    }

    /** How long nothing right may arrive. */
    private final class Patience {
        private long deadline;

        Patience() {
            renew();
        }

        void renew() {
            deadline = System.nanoTime() + patienceMs * 1_000_000;
        }

        /** @throws CommandException if the guest has ended: then nothing will come */
        boolean over() throws CommandException {
            judge.requireGuest();
            return System.nanoTime() - deadline > 0;
        }
    }

    /** What is still to be sent would be waited for as long, piece by piece. */
    private void giveUp(String what, int sent, int of) {
        judge.failed(
                null,
                -1,
                "%,d of %,d %s sent, and nothing arrived any more for %,d ms: the rest was not sent"
                        .formatted(sent, of, what, patienceMs));
    }

    /** What earlier phases left in the packet socket: echoes and acknowledgements of the guest. */
    private void drainFrames() throws IOException {
        while (host.receiveFrame() != null) {
            // Not asked for.
        }
    }

    private record Awaited(Flow flow, int sequence, byte[] payload) {}

    private void datagrams(int[] sequences) throws Exception {
        List<Awaited> underWay = new ArrayList<>();
        List<Flow> flows = plan.flows().stream()
                .filter(flow -> flow.kind().carrier() == Carrier.UDP_SOCKET
                        && !flow.kind().fragmented())
                .toList();
        boolean arrives = true;
        for (int i = 0; i < flows.size() && arrives; i++) {
            Flow flow = flows.get(i);
            int sequence = sequences[flow.id()]++ & 0xFFFF;
            boolean partial = flow.id() % 4 != 0;
            partialChecksums += partial ? 1 : 0;
            underWay.add(new Awaited(flow, sequence, flow.payload(sequence)));
            guest.channel()
                    .writeAndFlush(ReturnTraffic.datagram(topology, flow, sequence, flow.id() % queues, partial));
            arrives = awaitDatagrams(underWay, WINDOW);
            if (!arrives) {
                giveUp("datagrams", i + 1, flows.size());
            }
        }
        if (arrives) {
            awaitDatagrams(underWay, 1);
        }
        for (Awaited awaited : underWay) {
            judge.failed(awaited.flow(), awaited.sequence(), "datagram from the guest did not reach its socket");
        }
    }

    /** As {@link #awaitFrames}. */
    private boolean awaitDatagrams(List<Awaited> underWay, int limit) throws Exception {
        Patience patience = new Patience();
        while (underWay.size() >= limit) {
            List<HostSide.Datagram> received = host.receiveDatagrams();
            for (HostSide.Datagram datagram : received) {
                if (underWay.removeIf(awaited -> matches(awaited, datagram))) {
                    datagrams++;
                    patience.renew();
                } else {
                    judge.failed(
                            null,
                            -1,
                            "a socket received %d bytes from %s that the guest did not send"
                                    .formatted(datagram.payload().length, datagram.from()));
                }
            }
            if (underWay.size() >= limit && patience.over()) {
                return false;
            }
            if (received.isEmpty()) {
                Thread.sleep(0, 200_000);
            }
        }
        return true;
    }

    private static boolean matches(Awaited awaited, HostSide.Datagram datagram) {
        Flow flow = awaited.flow();
        return datagram.from().equals(new InetSocketAddress(flow.destination(), flow.destinationPort()))
                && datagram.to().equals(new InetSocketAddress(flow.source(), flow.sourcePort()))
                && Arrays.equals(datagram.payload(), awaited.payload());
    }

    private void streams() throws Exception {
        List<Flow> flows = plan.flows().stream()
                .filter(flow -> flow.kind().carrier() == Carrier.TCP_SOCKET)
                .toList();
        boolean arrives = true;
        for (int i = 0; i < flows.size() && arrives; i++) {
            Flow flow = flows.get(i);
            guest.channel().writeAndFlush(judge.returnStream(flow, STREAM_SMALL_BYTES));
            guest.channel().writeAndFlush(judge.returnStream(flow, STREAM_LARGE_BYTES));
            largeFrames++;
            arrives = readStream(flow, STREAM_SMALL_BYTES + STREAM_LARGE_BYTES);
            if (!arrives) {
                giveUp("streams", i + 1, flows.size());
            }
        }
    }

    /** Compares what comes on a connection; false if nothing arrives any more before its end. */
    private boolean readStream(Flow flow, int bytes) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        Patience patience = new Patience();
        boolean arrives = true;
        while (arrives && buffer.hasRemaining()) {
            int read = host.read(flow, buffer);
            if (read < 0) {
                break;
            }
            if (read > 0) {
                patience.renew();
            } else if (patience.over()) {
                arrives = false;
            } else {
                Thread.sleep(0, 100_000);
            }
        }
        int mismatch = Arrays.mismatch(Arrays.copyOf(buffer.array(), buffer.position()), flow.returnStream(0, bytes));
        if (mismatch >= 0) {
            judge.failed(
                    flow,
                    -1,
                    mismatch == buffer.position()
                            ? "the host's socket received %d bytes of %d".formatted(buffer.position(), bytes)
                            : "byte " + mismatch + " of the guest's stream is not as sent");
        }
        streamBytes += buffer.position();
        return arrives;
    }
}
