// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind.Carrier;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The host's sockets, in the namespace of the TAP: datagram sockets, one connection a TCP flow, and a packet socket for
 * ready-made frames. One thread.
 */
final class HostSide implements AutoCloseable {
    private static final int MAX_FRAME_BYTES = 70_000;
    private static final long CONNECT_PATIENCE_MS = 5_000;
    private static final long WRITE_PATIENCE_MS = 5_000;

    private final Map<InetSocketAddress, DatagramChannel> datagramChannels = new LinkedHashMap<>();
    private final Map<Flow, SocketChannel> connections = new LinkedHashMap<>();
    private final PacketSocket packets;
    private final byte[] frameBuffer = new byte[MAX_FRAME_BYTES];
    private final ByteBuffer datagramBuffer = ByteBuffer.allocate(MAX_FRAME_BYTES);

    private HostSide(PacketSocket packets) {
        this.packets = packets;
    }

    /** Opens what these flows need, and connects. The guest must be answering. */
    static HostSide open(NetworkNamespace namespace, int interfaceIndex, List<Flow> flows) throws Exception {
        return namespace.call(() -> {
            HostSide side = new HostSide(PacketSocket.open(interfaceIndex));
            try {
                for (Flow flow : flows) {
                    side.openFor(flow);
                }
                return side;
            } catch (IOException | RuntimeException e) {
                side.close();
                throw e;
            }
        });
    }

    private void openFor(Flow flow) throws IOException {
        StandardProtocolFamily family = flow.overIpv6() ? StandardProtocolFamily.INET6 : StandardProtocolFamily.INET;
        InetSocketAddress source = new InetSocketAddress(flow.source(), flow.sourcePort());
        if (flow.kind().carrier() == Carrier.UDP_SOCKET && !datagramChannels.containsKey(source)) {
            DatagramChannel channel = DatagramChannel.open(family);
            datagramChannels.put(source, channel);
            channel.bind(source);
        } else if (flow.kind().carrier() == Carrier.TCP_SOCKET) {
            SocketChannel channel = SocketChannel.open(family);
            connections.put(flow, channel);
            channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.bind(source);
            channel.configureBlocking(false);
        }
    }

    /** Connects all TCP flows. */
    void connect() throws IOException, InterruptedException {
        for (Map.Entry<Flow, SocketChannel> entry : connections.entrySet()) {
            Flow flow = entry.getKey();
            entry.getValue().connect(new InetSocketAddress(flow.destination(), flow.destinationPort()));
        }
        long deadline = System.nanoTime() + CONNECT_PATIENCE_MS * 1_000_000;
        for (Map.Entry<Flow, SocketChannel> entry : connections.entrySet()) {
            while (!entry.getValue().finishConnect()) {
                if (System.nanoTime() > deadline) {
                    throw new IOException("the guest did not accept the connection of " + entry.getKey() + ", "
                            + entry.getKey().describe());
                }
                Thread.sleep(1);
            }
        }
    }

    void sendFrame(byte[] frame) throws IOException {
        int sent = packets.send(frame, frame.length);
        // No room for one frame after a window of a few hundred: not a moment's matter.
        if (sent < 0) {
            throw new IOException("the TAP's queue takes no frame of " + frame.length + " bytes");
        }
    }

    void sendDatagram(Flow flow, byte[] payload) throws IOException {
        DatagramChannel channel = datagramChannels.get(new InetSocketAddress(flow.source(), flow.sourcePort()));
        channel.send(ByteBuffer.wrap(payload), new InetSocketAddress(flow.destination(), flow.destinationPort()));
    }

    void write(Flow flow, byte[] bytes) throws IOException, InterruptedException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        long deadline = System.nanoTime() + WRITE_PATIENCE_MS * 1_000_000;
        while (buffer.hasRemaining()) {
            if (connections.get(flow).write(buffer) == 0) {
                if (System.nanoTime() > deadline) {
                    throw new IOException("the guest takes no data on the connection of " + flow);
                }
                Thread.sleep(1);
            }
        }
    }

    /** What has come in on a connection, at most {@code buffer.remaining()} bytes; -1 at its end. */
    int read(Flow flow, ByteBuffer buffer) throws IOException {
        return connections.get(flow).read(buffer);
    }

    /** Says that a connection will send no more. */
    void shutdownOutput(Flow flow) throws IOException {
        connections.get(flow).shutdownOutput();
    }

    /** A datagram received. */
    record Datagram(InetSocketAddress from, InetSocketAddress to, byte[] payload) {}

    /** All datagrams that are there. */
    List<Datagram> receiveDatagrams() throws IOException {
        List<Datagram> received = new ArrayList<>();
        for (Map.Entry<InetSocketAddress, DatagramChannel> entry : datagramChannels.entrySet()) {
            DatagramChannel channel = entry.getValue();
            channel.configureBlocking(false);
            for (SocketAddress from; (from = channel.receive(datagramBuffer.clear())) != null; ) {
                byte[] payload = new byte[datagramBuffer.flip().remaining()];
                datagramBuffer.get(payload);
                received.add(new Datagram((InetSocketAddress) from, entry.getKey(), payload));
            }
            channel.configureBlocking(true);
        }
        return received;
    }

    /** The next frame that came in, null if there is none. */
    byte[] receiveFrame() throws IOException {
        int bytes = packets.receive(frameBuffer);
        return bytes < 0 ? null : Arrays.copyOf(frameBuffer, bytes);
    }

    @Override
    public void close() {
        datagramChannels.values().forEach(HostSide::closeQuietly);
        connections.values().forEach(HostSide::closeQuietly);
        packets.close();
    }

    private static void closeQuietly(AutoCloseable socket) {
        try {
            socket.close();
        } catch (Exception e) {
            // It is gone either way, and its namespace goes next.
        }
    }
}
