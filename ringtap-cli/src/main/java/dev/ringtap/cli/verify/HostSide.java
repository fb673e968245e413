// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.traffic.Flow;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.List;

/** The host's end of the flows: datagram sockets, one connection a TCP flow, and ready-made frames. One thread. */
interface HostSide extends AutoCloseable {

    /** A datagram received. */
    record Datagram(InetSocketAddress from, InetSocketAddress to, byte[] payload) {}

    /** Connects all TCP flows. The guest must be answering. */
    void connect() throws IOException, InterruptedException;

    /** Sends a frame to the guest as it is. */
    void sendFrame(byte[] frame) throws IOException;

    /** Sends a datagram of a {@code UDP_SOCKET} flow. */
    void sendDatagram(Flow flow, byte[] payload) throws IOException;

    /** Sends bytes on the connection of a {@code TCP_SOCKET} flow; waits while it takes none. */
    void write(Flow flow, byte[] bytes) throws IOException, InterruptedException;

    /** What has come in on a connection, at most {@code buffer.remaining()} bytes; -1 at its end. */
    int read(Flow flow, ByteBuffer buffer) throws IOException;

    /** Says that a connection will send no more. */
    void shutdownOutput(Flow flow) throws IOException;

    /** All datagrams that are there. */
    List<Datagram> receiveDatagrams() throws IOException;

    /** The next frame that came in and is of no socket, or of any if the host cannot tell; null if there is none. */
    byte[] receiveFrame() throws IOException;

    /** Closes every socket. */
    @Override
    void close();
}
