// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A conversation with the kernel's interface tables, {@code rtnetlink(7)}: one request, one answer. Belongs to the
 * network namespace of the thread that opens it; then any thread may use it.
 */
final class Rtnetlink implements AutoCloseable {
    private static final int NETLINK_ROUTE = 0;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_CAP_ACK = 10;
    private static final int NETLINK_EXT_ACK = 11;

    private static final int NLMSG_ERROR = 2;
    private static final int NLMSG_DONE = 3;
    private static final int NLM_F_ACK_TLVS = 0x200;
    private static final int NLMSGERR_ATTR_MSG = 1;

    // An answer about one interface takes about 2 KiB; netlink never sends more than 32 KiB at once.
    private static final int BUFFER_BYTES = 32 * 1024;

    private final OwnedFd fd;
    private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES, 8);
    private int sequence;

    private Rtnetlink(OwnedFd fd) {
        this.fd = fd;
    }

    static Rtnetlink open() throws NativeException {
        String doing = "cannot open a netlink socket";
        int type = Posix.SOCK_RAW | Posix.SOCK_CLOEXEC;
        var fd = OwnedFd.of(check(Posix.socket(Posix.AF_NETLINK, type, NETLINK_ROUTE), "socket", doing));
        try (var arena = Arena.ofConfined()) {
            // Reasons in words, and errors without a copy of the request. Old kernels know neither: do without.
            var on = arena.allocateFrom(ValueLayout.JAVA_INT, 1);
            Posix.setsockopt(fd.number(), SOL_NETLINK, NETLINK_CAP_ACK, on.address(), 4);
            Posix.setsockopt(fd.number(), SOL_NETLINK, NETLINK_EXT_ACK, on.address(), 4);
        }
        return new Rtnetlink(fd);
    }

    /**
     * Asks for a change.
     *
     * @param doing what for, as {@link NativeException} wants it; the kernel's own words are added where it has some
     */
    void change(NetlinkRequest request, String call, String doing) throws NativeException {
        exchange(request, call, doing);
    }

    /**
     * Asks for one object.
     *
     * @return the message that describes it, from its fixed part on
     */
    ByteBuffer query(NetlinkRequest request, String call, String doing) throws NativeException {
        var answer = exchange(request, call, doing);
        if (answer == null) throw new NativeException(call, Errno.EPROTO, doing + " (the kernel's answer is empty)");
        return answer;
    }

    /**
     * Asks for all objects of a kind.
     *
     * @param request with {@link NetlinkRequest#NLM_F_DUMP}
     * @return the messages that describe them, each from its fixed part on
     */
    synchronized List<ByteBuffer> list(NetlinkRequest request, String call, String doing) throws NativeException {
        send(request, call, doing);
        var objects = new ArrayList<ByteBuffer>();
        while (true) {
            long bytes = check(Posix.recv(fd.number(), buffer.address(), BUFFER_BYTES, 0), "recv " + call, doing);
            var answer = buffer.asSlice(0, bytes).asByteBuffer().order(ByteOrder.nativeOrder());
            for (int at = 0; at + NetlinkRequest.HEADER_BYTES <= bytes; ) {
                int length = answer.getInt(at);
                if (length < NetlinkRequest.HEADER_BYTES || at + length > bytes)
                    throw new NativeException(call, Errno.EPROTO, doing + " (the kernel's answer is cut off)");
                int type = answer.getShort(at + 4);
                boolean ours = answer.getInt(at + 8) == sequence;
                if (ours && type == NLMSG_DONE) return objects;
                if (ours && type == NLMSG_ERROR)
                    throw new NativeException(call, -answer.getInt(at + NetlinkRequest.HEADER_BYTES), doing);
                if (ours) {
                    byte[] object = new byte[length - NetlinkRequest.HEADER_BYTES];
                    answer.get(at + NetlinkRequest.HEADER_BYTES, object);
                    objects.add(ByteBuffer.wrap(object).order(ByteOrder.nativeOrder()));
                }
                at += length + 3 & ~3;
            }
        }
    }

    private void send(NetlinkRequest request, String call, String doing) throws NativeException {
        byte[] message = request.encode(++sequence);
        MemorySegment.copy(message, 0, buffer, ValueLayout.JAVA_BYTE, 0, message.length);
        check(Posix.send(fd.number(), buffer.address(), message.length, 0), "send " + call, doing);
    }

    // null: done, without an object.
    private synchronized ByteBuffer exchange(NetlinkRequest request, String call, String doing) throws NativeException {
        send(request, call, doing);
        while (true) {
            long bytes = check(Posix.recv(fd.number(), buffer.address(), BUFFER_BYTES, 0), "recv " + call, doing);
            var answer = buffer.asSlice(0, bytes).asByteBuffer().order(ByteOrder.nativeOrder());
            // What is left of an earlier exchange that failed half way is not ours.
            if (bytes < NetlinkRequest.HEADER_BYTES || answer.getInt(8) != sequence) continue;
            int length = answer.getInt(0);
            int type = answer.getShort(4);
            if (type != NLMSG_ERROR) {
                // A copy: the buffer is written by the next exchange.
                byte[] object = new byte[length - NetlinkRequest.HEADER_BYTES];
                answer.get(NetlinkRequest.HEADER_BYTES, object);
                return ByteBuffer.wrap(object).order(ByteOrder.nativeOrder());
            }
            int error = -answer.getInt(NetlinkRequest.HEADER_BYTES);
            if (error == 0) return null;
            String reason = (answer.getShort(6) & NLM_F_ACK_TLVS) != 0 ? reason(answer, length) : null;
            throw new NativeException(call, error, reason == null ? doing : doing + " (" + reason + ")");
        }
    }

    // struct nlmsgerr: error, header of the request; then, the request itself being left out, attributes.
    private static String reason(ByteBuffer answer, int length) {
        int attributes = 2 * NetlinkRequest.HEADER_BYTES + 4;
        byte[] text = attribute(answer, attributes, length, NLMSGERR_ATTR_MSG);
        return text == null ? null : text(text);
    }

    /**
     * Finds an attribute.
     *
     * @return its value, or {@code null} if there is none of that type between {@code from} and {@code end}
     */
    static byte[] attribute(ByteBuffer message, int from, int end, int type) {
        // Marks nested attributes and byte order, not the type.
        int flags = 0xC000;
        int at = from;
        while (at + 4 <= end) {
            int length = Short.toUnsignedInt(message.getShort(at));
            if (length < 4 || at + length > end) return null;
            if ((Short.toUnsignedInt(message.getShort(at + 2)) & ~flags) == type) {
                byte[] value = new byte[length - 4];
                message.get(at + 4, value);
                return value;
            }
            at += length + 3 & ~3;
        }
        return null;
    }

    /** An attribute within the value of another one. */
    static byte[] attribute(byte[] nest, int type) {
        return attribute(ByteBuffer.wrap(nest).order(ByteOrder.nativeOrder()), 0, nest.length, type);
    }

    /** A zero-terminated text. */
    static String text(byte[] value) {
        int end = value.length;
        while (end > 0 && value[end - 1] == 0) end--;
        return new String(Arrays.copyOf(value, end), StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        fd.close();
    }
}
