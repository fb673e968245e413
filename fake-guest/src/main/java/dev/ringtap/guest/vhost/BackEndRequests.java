// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.socket.UnixConnection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The socket on which the back-end asks something of this end. vhost-user, Back-end message types. Only
 * BACKEND_CONFIG_CHANGE_MSG means something to this driver; others are refused where an answer is wanted. One thread.
 */
public final class BackEndRequests implements AutoCloseable {
    /** VHOST_USER_BACKEND_CONFIG_CHANGE_MSG. */
    public static final int CONFIG_CHANGE = 2;

    private static final int MAX_PAYLOAD_BYTES = 256;

    private final UnixConnection ours;
    private final UnixConnection theirs;
    private final List<OwnedFd> fds = new ArrayList<>();
    private final ByteBuffer message = ByteBuffer.allocate(VhostUserMessage.HEADER_BYTES + MAX_PAYLOAD_BYTES)
            .order(ByteOrder.nativeOrder());

    private BackEndRequests(UnixConnection ours, UnixConnection theirs) {
        this.ours = ours;
        this.theirs = theirs;
    }

    /** A new socket; {@link #handOver} gives the other end away. */
    public static BackEndRequests open() throws NativeException {
        UnixConnection[] pair = UnixConnection.pair();
        try {
            pair[0].fd().setNonBlocking(true);
            return new BackEndRequests(pair[0], pair[1]);
        } catch (NativeException e) {
            pair[0].close();
            pair[1].close();
            throw e;
        }
    }

    /** Sends SET_BACKEND_REQ_FD; needs the protocol feature BACKEND_REQ. */
    public void handOver(FrontEnd frontEnd) throws IOException {
        try (theirs) {
            frontEnd.setBackendReqFd(theirs.fd().number());
        }
    }

    /** Our end, to watch for input. Stays owned here. */
    public OwnedFd fd() {
        return ours.fd();
    }

    /**
     * Takes and answers all requests that are there; does not block.
     *
     * @return whether the configuration space is said to have changed
     * @throws VhostUserException at the end of the connection or on a message that cannot be
     */
    public boolean receive() throws IOException {
        boolean configChanged = false;
        while (true) {
            boolean headerIsThere = message.position() >= VhostUserMessage.HEADER_BYTES;
            int end = VhostUserMessage.HEADER_BYTES + (headerIsThere ? payloadBytes() : 0);
            if (headerIsThere && message.position() == end) {
                configChanged |= answer();
                message.clear();
                continue;
            }
            // Not beyond the message at hand: what follows stays in the socket.
            int count = ours.receive(message.array(), message.position(), end - message.position(), fds);
            fds.forEach(OwnedFd::close);
            fds.clear();
            if (count == -Errno.EAGAIN) {
                return configChanged;
            }
            if (count == 0) {
                throw new VhostUserException("the back-end closed its request socket");
            }
            message.position(message.position() + count);
        }
    }

    private int payloadBytes() throws VhostUserException {
        int size = message.getInt(8);
        if (size < 0 || size > MAX_PAYLOAD_BYTES) {
            throw new VhostUserException("back-end request %d claims a payload of %s bytes"
                    .formatted(message.getInt(0), Integer.toUnsignedString(size)));
        }
        return size;
    }

    private boolean answer() throws NativeException {
        int request = message.getInt(0);
        int flags = message.getInt(4);
        boolean known = request == CONFIG_CHANGE;
        if ((flags & VhostUserMessage.NEED_REPLY) != 0) {
            byte[] result = new byte[Long.BYTES];
            ByteBuffer.wrap(result).order(ByteOrder.nativeOrder()).putLong(known ? 0 : 1);
            byte[] reply =
                    new VhostUserMessage(request, VhostUserMessage.VERSION | VhostUserMessage.REPLY, result).encode();
            ours.send(reply, 0, reply.length);
        }
        return known;
    }

    @Override
    public void close() {
        ours.close();
        theirs.close();
    }
}
