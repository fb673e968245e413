// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One message as it goes over the socket. vhost-user, Header: {@code u32 request; u32 flags; u32 size}, then {@code
 * size} bytes; in the byte order of the host.
 *
 * @param request its type, unsigned 32 bits
 * @param flags {@link #VERSION} in the low two bits, {@link #REPLY}, {@link #NEED_REPLY}
 * @param payload what follows the header
 */
public record VhostUserMessage(int request, int flags, byte[] payload) {
    public static final int HEADER_BYTES = 12;

    public static final int VERSION = 1;
    public static final int VERSION_MASK = 3;
    public static final int REPLY = 1 << 2;
    public static final int NEED_REPLY = 1 << 3;

    /** Longest payload this end reads: a configuration space of 256 bytes and its header fit well. */
    static final int MAX_PAYLOAD_BYTES = 4096;

    /** Header and payload in one array; the header's size is the payload's. */
    public byte[] encode() {
        return ByteBuffer.allocate(HEADER_BYTES + payload.length)
                .order(ByteOrder.nativeOrder())
                .putInt(request)
                .putInt(flags)
                .putInt(payload.length)
                .put(payload)
                .array();
    }

    /** The payload, from its start, in the byte order of the protocol. */
    public ByteBuffer body() {
        return ByteBuffer.wrap(payload).order(ByteOrder.nativeOrder());
    }

    @Override
    public String toString() {
        return "%s[flags=0x%x, %d bytes]".formatted(FrontEndRequest.nameOf(request), flags, payload.length);
    }
}
