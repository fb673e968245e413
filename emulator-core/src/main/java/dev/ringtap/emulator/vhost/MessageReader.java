// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.socket.UnixConnection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Cuts a front-end's stream into messages. The header is read first and alone, since descriptors ride on it; then the
 * payload it announces. Control loop only.
 */
final class MessageReader implements AutoCloseable {
    private static final int LARGEST_PAYLOAD_BYTES = 4096;

    private final UnixConnection connection;
    private final byte[] bytes = new byte[Message.HEADER_BYTES + LARGEST_PAYLOAD_BYTES];
    private final ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    private List<OwnedFd> fds = new ArrayList<>();
    private int filled;
    private boolean ended;

    MessageReader(UnixConnection connection) {
        this.connection = connection;
    }

    /** The front-end closed its end. */
    boolean ended() {
        return ended;
    }

    /**
     * The next whole message, or {@code null} if there is none yet.
     *
     * @throws PeerException if the stream cannot be a front-end's; nothing more can be read from it
     */
    Message next() throws PeerException, NativeException {
        while (true) {
            int wanted = Message.HEADER_BYTES;
            if (filled >= Message.HEADER_BYTES) {
                wanted += payloadBytes();
                if (filled == wanted) {
                    return finish();
                }
            }
            int got = connection.receive(bytes, filled, wanted - filled, fds);
            if (got == 0) {
                ended = true;
                if (filled > 0) {
                    throw new PeerException("the connection ended inside a message");
                }
                return null;
            }
            if (got < 0) {
                return null;
            }
            filled += got;
        }
    }

    private int payloadBytes() throws PeerException {
        int number = view.getInt(0);
        int flags = view.getInt(4);
        int size = view.getInt(8);
        if ((flags & Message.VERSION_MASK) != Message.VERSION) {
            throw new PeerException("message %d has flags 0x%x: version %d, expected %d"
                    .formatted(number, flags, flags & Message.VERSION_MASK, Message.VERSION));
        }
        if (size < 0 || size > LARGEST_PAYLOAD_BYTES) {
            throw new PeerException("message %d announces a payload of %s bytes, at most %d are taken"
                    .formatted(number, Integer.toUnsignedString(size), LARGEST_PAYLOAD_BYTES));
        }
        FrontEndRequest request = FrontEndRequest.of(number);
        String objection = request == null ? null : request.objection(size, fds.size());
        if (objection != null) {
            throw new PeerException("%s with %s".formatted(request, objection));
        }
        return size;
    }

    private Message finish() throws PeerException {
        int number = view.getInt(0);
        FrontEndRequest request = FrontEndRequest.of(number);
        boolean needReply = (view.getInt(4) & Message.FLAG_NEED_REPLY) != 0;
        if (request == null) {
            throw new PeerException("message %d is none that this back-end offers".formatted(number));
        }
        // Descriptors may also come with the payload: what the header promised is checked again with all of them.
        String objection = request.objection(filled - Message.HEADER_BYTES, fds.size());
        if (objection != null) {
            throw new PeerException("%s with %s".formatted(request, objection));
        }
        byte[] payload = Arrays.copyOfRange(bytes, Message.HEADER_BYTES, filled);
        Message message =
                new Message(request, needReply, ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN), fds);
        fds = new ArrayList<>();
        filled = 0;
        return message;
    }

    /** Closes descriptors of a message that never became whole. */
    @Override
    public void close() {
        fds.forEach(OwnedFd::close);
        fds.clear();
    }
}
