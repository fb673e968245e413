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

/** The sockets of the host's kernel, in the namespace of the TAP; a packet socket takes ready-made frames. */
final class KernelHostSide implements HostSide {
    private static final int MAX_FRAME_BYTES = 70_000;
    private static final long CONNECT_PATIENCE_MS = 5_000;
    private static final long WRITE_PATIENCE_MS = 5_000;

    private final Map<InetSocketAddress, DatagramChannel> datagramChannels = new LinkedHashMap<>();
    private final Map<Flow, SocketChannel> connections = new LinkedHashMap<>();
    private final PacketSocket packets;
    private final byte[] frameBuffer = new byte[MAX_FRAME_BYTES];
    private final ByteBuffer datagramBuffer = ByteBuffer.allocate(MAX_FRAME_BYTES);

    private KernelHostSide(PacketSocket packets) {
        this.packets = packets;
    }

    /** Opens what these flows need, and connects. The guest must be answering. */
    static KernelHostSide open(NetworkNamespace namespace, int interfaceIndex, List<Flow> flows) throws Exception {
        return namespace.call(() -> {
            KernelHostSide side = new KernelHostSide(PacketSocket.open(interfaceIndex));
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

    @Override
    public void connect() throws IOException, InterruptedException {
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

    @Override
    public void sendFrame(byte[] frame) throws IOException {
        int sent = packets.send(frame, frame.length);
        // No room for one frame after a window of a few hundred: not a moment's matter.
        if (sent < 0) {
            throw new IOException("the TAP's queue takes no frame of " + frame.length + " bytes");
        }
    }

    @Override
    public void sendDatagram(Flow flow, byte[] payload) throws IOException {
        DatagramChannel channel = datagramChannels.get(new InetSocketAddress(flow.source(), flow.sourcePort()));
        channel.send(ByteBuffer.wrap(payload), new InetSocketAddress(flow.destination(), flow.destinationPort()));
    }

    @Override
    public void write(Flow flow, byte[] bytes) throws IOException, InterruptedException {
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

    @Override
    public int read(Flow flow, ByteBuffer buffer) throws IOException {
        return connections.get(flow).read(buffer);
    }

    @Override
    public void shutdownOutput(Flow flow) throws IOException {
        connections.get(flow).shutdownOutput();
    }

    @Override
    public List<Datagram> receiveDatagrams() throws IOException {
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

    @Override
    public byte[] receiveFrame() throws IOException {
        int bytes = packets.receive(frameBuffer);
        return bytes < 0 ? null : Arrays.copyOf(frameBuffer, bytes);
    }

    @Override
    public void close() {
        datagramChannels.values().forEach(KernelHostSide::closeQuietly);
        connections.values().forEach(KernelHostSide::closeQuietly);
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
