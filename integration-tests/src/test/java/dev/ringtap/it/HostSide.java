// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;

/** The host's end of a TAP in a network namespace of its own, and traffic through it by ordinary sockets. */
final class HostSide implements AutoCloseable {
    static final String HOST4 = "10.9.0.1";
    static final String GUEST4 = "10.9.0.2";
    static final String HOST6 = "fd09::1";
    static final String GUEST6 = "fd09::2";
    static final String TAP = "tap0";

    private static final int SOCKET_LIMIT_MS = 60_000;

    private final NetworkNamespace namespace;

    private HostSide(NetworkNamespace namespace) {
        this.namespace = namespace;
    }

    static HostSide create() throws IOException {
        return new HostSide(NetworkNamespace.create());
    }

    NetworkNamespace namespace() {
        return namespace;
    }

    /** Gives the TAP the host's addresses and sets it up. */
    void configureTap() throws Exception {
        namespace.run(() -> {
            try (var link = LinkConfig.open(TAP)) {
                link.setUp(true);
                link.addAddress(InetAddress.getByName(HOST4), 24);
                link.addAddress(InetAddress.getByName(HOST6), 64);
            }
        });
    }

    /** Takes the TAP away, as an administrator would with {@code ip link delete}. */
    void deleteTap() throws Exception {
        namespace.run(() -> {
            try (var link = LinkConfig.open(TAP)) {
                link.delete();
            }
        });
    }

    boolean tapExists() throws Exception {
        return namespace.call(() -> LinkConfig.exists(TAP));
    }

    /** One datagram. */
    void sendUdp(String source, int sourcePort, String destination, int port) throws Exception {
        namespace.run(() -> {
            try (var channel = DatagramChannel.open()) {
                channel.bind(new InetSocketAddress(source, sourcePort));
                channel.send(ByteBuffer.wrap("hello".getBytes(UTF_8)), new InetSocketAddress(destination, port));
            }
        });
    }

    /** A connection to an echo server: a line there and back. */
    void echoTcp(String source, int sourcePort, String destination, int port) throws Exception {
        namespace.run(() -> {
            try (var channel = SocketChannel.open()) {
                // A port may be still in TIME_WAIT from a connection before.
                channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
                channel.bind(new InetSocketAddress(source, sourcePort));
                channel.socket().setSoTimeout(SOCKET_LIMIT_MS);
                channel.socket().connect(new InetSocketAddress(destination, port), SOCKET_LIMIT_MS);
                byte[] line = "hello\n".getBytes(UTF_8);
                channel.socket().getOutputStream().write(line);
                assertThat(channel.socket().getInputStream().readNBytes(line.length))
                        .isEqualTo(line);
            }
        });
    }

    /** What {@code ping} prints after three answered requests. */
    String ping(String address) throws Exception {
        var builder = new ProcessBuilder("ping", "-n", "-c", "3", "-i", "0.2", "-w", "30", address);
        Process process = namespace.call(builder.redirectErrorStream(true)::start);
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    /** Connects, sends a stream and waits until the peer has read it to its end. */
    void sendStream(String destination, int port, long seed, long bytes) throws Exception {
        namespace.run(() -> {
            try (var socket = new Socket()) {
                socket.setSoTimeout(SOCKET_LIMIT_MS);
                socket.connect(new InetSocketAddress(destination, port), SOCKET_LIMIT_MS);
                new KnownStream(seed).writeTo(socket.getOutputStream(), bytes);
                socket.shutdownOutput();
                assertThat(socket.getInputStream().read()).isEqualTo(-1);
            }
        });
    }

    /** A listening socket on the host's side, on all its addresses. */
    ServerSocket listen(int port) throws Exception {
        return namespace.call(() -> new ServerSocket(port));
    }

    /** Accepts a connection and compares what it brings with a stream; how many bytes came. */
    static long receiveStream(ServerSocket listener, long seed) throws IOException {
        listener.setSoTimeout(SOCKET_LIMIT_MS);
        try (Socket socket = listener.accept()) {
            socket.setSoTimeout(SOCKET_LIMIT_MS);
            return new KnownStream(seed).compareWith(socket.getInputStream());
        }
    }

    @Override
    public void close() {
        namespace.close();
    }
}
