// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Builds one rtnetlink message, linux/netlink.h and linux/rtnetlink.h. Everything is in the machine's byte order and
 * begins at a multiple of 4:
 *
 * <pre>
 *   nlmsghdr   0 u32 length   4 u16 type   6 u16 flags   8 u32 sequence   12 u32 port
 *   then the fixed part of the type, then attributes: rtattr 0 u16 length (with this header)  2 u16 type
 * </pre>
 */
final class NetlinkRequest {
    static final int RTM_NEWLINK = 16;
    static final int RTM_DELLINK = 17;
    static final int RTM_GETLINK = 18;
    static final int RTM_NEWADDR = 20;
    static final int RTM_NEWROUTE = 24;
    static final int RTM_NEWNEIGH = 28;
    static final int RTM_NEWQDISC = 36;
    static final int RTM_DELQDISC = 37;
    static final int RTM_NEWTFILTER = 44;
    static final int RTM_DELTFILTER = 45;
    static final int RTM_GETTFILTER = 46;

    static final int NLM_F_REQUEST = 1;
    static final int NLM_F_ACK = 4;
    static final int NLM_F_REPLACE = 0x100;
    static final int NLM_F_EXCL = 0x200;
    static final int NLM_F_DUMP = 0x300;
    static final int NLM_F_CREATE = 0x400;

    static final int HEADER_BYTES = 16;
    private static final int MAX_BYTES = 1024;

    private final ByteBuffer message = ByteBuffer.allocate(MAX_BYTES).order(ByteOrder.nativeOrder());

    private NetlinkRequest(int type, int flags) {
        message.putInt(0).putShort((short) type).putShort((short) (flags | NLM_F_REQUEST));
        message.putInt(0).putInt(0);
    }

    /** A message with {@code struct ifinfomsg}; {@code change} says which of the flags are meant. */
    static NetlinkRequest link(int type, int requestFlags, int index, int flags, int change) {
        var request = new NetlinkRequest(type, requestFlags);
        request.message.put((byte) 0).put((byte) 0).putShort((short) 0);
        request.message.putInt(index).putInt(flags).putInt(change);
        return request;
    }

    /** A message with {@code struct ifaddrmsg}. */
    static NetlinkRequest address(int requestFlags, int family, int prefixLength, int index) {
        var request = new NetlinkRequest(RTM_NEWADDR, requestFlags);
        request.message
                .put((byte) family)
                .put((byte) prefixLength)
                .put((byte) 0)
                .put((byte) 0);
        request.message.putInt(index);
        return request;
    }

    /** A message with {@code struct ndmsg}. */
    static NetlinkRequest neighbour(int requestFlags, int family, int index, int state) {
        var request = new NetlinkRequest(RTM_NEWNEIGH, requestFlags);
        request.message.put((byte) family).put((byte) 0).putShort((short) 0).putInt(index);
        request.message.putShort((short) state).put((byte) 0).put((byte) 0);
        return request;
    }

    /** A message with {@code struct rtmsg}: a unicast route of the main table. */
    static NetlinkRequest route(int requestFlags, int family, int prefixLength, int scope) {
        int mainTable = 254;
        int setUpByHand = 4;
        int unicast = 1;
        var request = new NetlinkRequest(RTM_NEWROUTE, requestFlags);
        request.message
                .put((byte) family)
                .put((byte) prefixLength)
                .put((byte) 0)
                .put((byte) 0);
        request.message
                .put((byte) mainTable)
                .put((byte) setUpByHand)
                .put((byte) scope)
                .put((byte) unicast);
        request.message.putInt(0);
        return request;
    }

    /** A message with {@code struct tcmsg}, linux/rtnetlink.h: a queueing discipline, or a filter of one. */
    static NetlinkRequest trafficControl(int type, int requestFlags, int index, int handle, int parent, int info) {
        var request = new NetlinkRequest(type, requestFlags);
        request.message.putInt(0).putInt(index).putInt(handle).putInt(parent).putInt(info);
        return request;
    }

    NetlinkRequest attribute(int type, byte[] value) {
        message.putShort((short) (4 + value.length)).putShort((short) type).put(value);
        return pad();
    }

    NetlinkRequest attribute(int type, int value) {
        message.putShort((short) 8).putShort((short) type).putInt(value);
        return this;
    }

    NetlinkRequest attribute(int type, String value) {
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        return attribute(type, Arrays.copyOf(text, text.length + 1));
    }

    /** Attributes, as {@code content} writes them, within the attribute {@code outer}. */
    NetlinkRequest nested(int outer, Consumer<NetlinkRequest> content) {
        int start = message.position();
        message.putShort((short) 0).putShort((short) outer);
        content.accept(this);
        message.putShort(start, (short) (message.position() - start));
        return this;
    }

    /** The one byte {@code value} as attribute {@code inner} within {@code middle} within {@code outer}. */
    NetlinkRequest nested(int outer, int middle, int inner, int value) {
        message.putShort((short) 16).putShort((short) outer);
        message.putShort((short) 12).putShort((short) middle);
        message.putShort((short) 5).putShort((short) inner).put((byte) value);
        return pad();
    }

    private NetlinkRequest pad() {
        while (message.position() % 4 != 0) message.put((byte) 0);
        return this;
    }

    /** The finished message. */
    byte[] encode(int sequence) {
        message.putInt(0, message.position()).putInt(8, sequence);
        return Arrays.copyOf(message.array(), message.position());
    }
}
