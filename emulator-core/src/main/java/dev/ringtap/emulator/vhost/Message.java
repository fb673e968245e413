// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import dev.ringtap.linux.posix.OwnedFd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * One message of a front-end, already checked against {@link FrontEndRequest}.
 *
 * <pre>
 *   0        4        8        12
 *   | request| flags  | size   | payload (size bytes) …
 *              bits 0-1 version = 1, bit 2 reply, bit 3 need_reply
 * </pre>
 *
 * Integers are in host byte order, which is little-endian wherever ringtap runs.
 */
record Message(FrontEndRequest request, boolean needReply, ByteBuffer payload, List<OwnedFd> fds)
        implements AutoCloseable {
    static final int HEADER_BYTES = 12;
    static final int VERSION = 1;
    static final int VERSION_MASK = 3;
    static final int FLAG_REPLY = 1 << 2;
    static final int FLAG_NEED_REPLY = 1 << 3;

    /** Takes the message's descriptor out of it, or {@code null} if it has none. The caller owns it. */
    OwnedFd takeFd() {
        return fds.isEmpty() ? null : fds.remove(0);
    }

    /** Closes every descriptor that no handler took. */
    @Override
    public void close() {
        fds.forEach(OwnedFd::close);
        fds.clear();
    }

    /** A reply to a request: the same number, the version and the reply flag. */
    static ByteBuffer reply(FrontEndRequest request, int payloadBytes) {
        return encode(request.number(), VERSION | FLAG_REPLY, payloadBytes);
    }

    /** A message of {@code payloadBytes} bytes, positioned at its payload. */
    static ByteBuffer encode(int number, int flags, int payloadBytes) {
        return ByteBuffer.allocate(HEADER_BYTES + payloadBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(number)
                .putInt(flags)
                .putInt(payloadBytes);
    }
}
