// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.host.HostFrame;
import dev.ringtap.cli.host.HostStack;
import dev.ringtap.cli.host.TcpConnection;
import dev.ringtap.cli.host.UdpEndpoint;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind.Carrier;
import dev.ringtap.guest.traffic.Frames;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** The sockets of a {@link HostStack}. */
final class EmulatedHostSide implements HostSide {
    private static final long CONNECT_PATIENCE_MS = 5_000;
    private static final long WRITE_PATIENCE_MS = 5_000;
    private static final long TICK_MS = 100;
    private static final int TPID_AT = 12;
    private static final int TAG_BYTES = 4;

    private final HostStack stack;
    private final List<Flow> flows;
    private final Map<InetSocketAddress, UdpEndpoint> datagramEnds = new LinkedHashMap<>();
    private final Map<Flow, TcpConnection> connections = new LinkedHashMap<>();
    private final ScheduledExecutorService clock;
    private boolean tagBeside;

    /** Opens what these flows need. */
    EmulatedHostSide(HostStack stack, List<Flow> flows) {
        this.stack = stack;
        this.flows = List.copyOf(flows);
        for (Flow flow : flows) {
            if (flow.kind().carrier() == Carrier.UDP_SOCKET) {
                InetSocketAddress source = source(flow);
                datagramEnds.put(source, stack.udp(source));
            }
        }
        clock = Executors.newSingleThreadScheduledExecutor(
                task -> Thread.ofPlatform().name("ringtap-host").daemon().unstarted(task));
        clock.scheduleAtFixedRate(stack::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
    }

    @Override
    public void connect() throws IOException, InterruptedException {
        for (Flow flow : flows) {
            if (flow.kind().carrier() == Carrier.TCP_SOCKET) {
                connections.put(flow, stack.connect(source(flow), destination(flow)));
            }
        }
        for (TcpConnection connection : connections.values()) {
            connection.awaitOpen(CONNECT_PATIENCE_MS);
        }
    }

    /** Every other frame with a VLAN tag has it beside it, as if hardware were to put it in. */
    @Override
    public void sendFrame(byte[] frame) {
        int tpid =
                frame.length < TPID_AT + TAG_BYTES ? 0 : ByteBuffer.wrap(frame).getChar(TPID_AT);
        boolean tagged = tpid == Frames.TPID_CUSTOMER || tpid == Frames.TPID_SERVICE;
        tagBeside ^= tagged;
        stack.send(tagged && tagBeside ? withTagBeside(frame) : HostFrame.plain(frame));
    }

    private static HostFrame withTagBeside(byte[] frame) {
        byte[] without = new byte[frame.length - TAG_BYTES];
        System.arraycopy(frame, 0, without, 0, TPID_AT);
        System.arraycopy(frame, TPID_AT + TAG_BYTES, without, TPID_AT, without.length - TPID_AT);
        return HostFrame.plain(without).tagged(ByteBuffer.wrap(frame).getInt(TPID_AT));
    }

    @Override
    public void sendDatagram(Flow flow, byte[] payload) {
        datagramEnds.get(source(flow)).send(destination(flow), payload);
    }

    @Override
    public void write(Flow flow, byte[] bytes) throws IOException, InterruptedException {
        connections.get(flow).write(bytes, WRITE_PATIENCE_MS);
    }

    @Override
    public int read(Flow flow, ByteBuffer buffer) throws IOException {
        return connections.get(flow).read(buffer);
    }

    @Override
    public void shutdownOutput(Flow flow) {
        connections.get(flow).shutdownOutput();
    }

    @Override
    public List<Datagram> receiveDatagrams() {
        List<Datagram> received = new ArrayList<>();
        for (UdpEndpoint end : datagramEnds.values()) {
            for (UdpEndpoint.Datagram datagram; (datagram = end.receive()) != null; ) {
                received.add(new Datagram(datagram.from(), datagram.to(), datagram.payload()));
            }
        }
        return received;
    }

    @Override
    public byte[] receiveFrame() {
        return stack.takeUnclaimed();
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }

    private static InetSocketAddress source(Flow flow) {
        return new InetSocketAddress(flow.source(), flow.sourcePort());
    }

    private static InetSocketAddress destination(Flow flow) {
        return new InetSocketAddress(flow.destination(), flow.destinationPort());
    }
}
