// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the kernel says of a network interface at one moment. Needs no privilege.
 *
 * @param index of the interface in its namespace
 * @param flags IFF_* of linux/if.h
 * @param mtu bytes
 * @param mac 6 bytes for Ethernet; empty for an interface without addresses
 * @param txQueueLength packets
 * @param kind of a virtual interface, such as {@code tun} or {@code veth}; empty for others
 * @param tun more about an interface of kind {@code tun}, else {@code null}
 */
public record LinkInfo(
        int index, String name, int flags, int mtu, byte[] mac, int txQueueLength, String kind, Tun tun) {
    static final int IFF_UP = 1;
    static final int IFF_RUNNING = 0x40;

    private static final int FIXED_PART_BYTES = 16;
    private static final int IFLA_ADDRESS = 1;
    private static final int IFLA_IFNAME = 3;
    private static final int IFLA_MTU = 4;
    private static final int IFLA_TXQLEN = 13;
    private static final int IFLA_LINKINFO = 18;
    private static final int IFLA_EXT_MASK = 29;
    private static final int RTEXT_FILTER_SKIP_STATS = 8;
    private static final int IFLA_INFO_KIND = 1;
    private static final int IFLA_INFO_DATA = 2;

    /**
     * A TUN or TAP interface. linux/if_link.h, IFLA_TUN_*; since Linux 4.17.
     *
     * @param tap whether it carries Ethernet frames
     * @param persistent whether it stays when the last queue is closed
     * @param ownerUid who may attach without CAP_NET_ADMIN, or -1
     * @param groupGid the same for a group, or -1
     * @param queues that are attached
     * @param detachedQueues that are open but take no packets
     */
    public record Tun(
            boolean tap,
            boolean multiQueue,
            boolean vnetHeader,
            boolean persistent,
            int ownerUid,
            int groupGid,
            int queues,
            int detachedQueues) {
        private static final int IFLA_TUN_OWNER = 1;
        private static final int IFLA_TUN_GROUP = 2;
        private static final int IFLA_TUN_TYPE = 3;
        private static final int IFLA_TUN_VNET_HDR = 5;
        private static final int IFLA_TUN_PERSIST = 6;
        private static final int IFLA_TUN_MULTI_QUEUE = 7;
        private static final int IFLA_TUN_NUM_QUEUES = 8;
        private static final int IFLA_TUN_NUM_DISABLED_QUEUES = 9;
        private static final int IFF_TAP = 2;

        private static Tun parse(byte[] data) {
            return new Tun(
                    number(data, IFLA_TUN_TYPE, 0) == IFF_TAP,
                    number(data, IFLA_TUN_MULTI_QUEUE, 0) != 0,
                    number(data, IFLA_TUN_VNET_HDR, 0) != 0,
                    number(data, IFLA_TUN_PERSIST, 0) != 0,
                    number(data, IFLA_TUN_OWNER, -1),
                    number(data, IFLA_TUN_GROUP, -1),
                    number(data, IFLA_TUN_NUM_QUEUES, 0),
                    number(data, IFLA_TUN_NUM_DISABLED_QUEUES, 0));
        }

        private static int number(byte[] data, int type, int otherwise) {
            return LinkInfo.number(Rtnetlink.attribute(data, type), otherwise);
        }
    }

    /**
     * Asks for an interface of the calling thread's network namespace.
     *
     * @return {@code null} if there is none of that name
     */
    public static LinkInfo find(String name) throws NativeException {
        try (var netlink = Rtnetlink.open()) {
            return find(netlink, 0, name);
        }
    }

    static LinkInfo find(Rtnetlink netlink, int index, String name) throws NativeException {
        var request = NetlinkRequest.link(NetlinkRequest.RTM_GETLINK, 0, index, 0, 0)
                .attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        if (index == 0) request.attribute(IFLA_IFNAME, name);
        try {
            return parse(netlink.query(request, "rtnetlink RTM_GETLINK", "cannot look up the interface " + name));
        } catch (NativeException e) {
            // A name that cannot be anybody's comes back as ERANGE or EINVAL.
            if (e.errno() == Errno.ENODEV || e.errno() == Errno.ERANGE || e.errno() == Errno.EINVAL) return null;
            throw e;
        }
    }

    private static LinkInfo parse(ByteBuffer message) {
        byte[] linkInfo = attribute(message, IFLA_LINKINFO);
        byte[] kind = Rtnetlink.attribute(linkInfo, IFLA_INFO_KIND);
        byte[] data = Rtnetlink.attribute(linkInfo, IFLA_INFO_DATA);
        String kindName = kind == null ? "" : Rtnetlink.text(kind);
        return new LinkInfo(
                message.getInt(4),
                Rtnetlink.text(attribute(message, IFLA_IFNAME)),
                message.getInt(8),
                number(attribute(message, IFLA_MTU), 0),
                attribute(message, IFLA_ADDRESS),
                number(attribute(message, IFLA_TXQLEN), 0),
                kindName,
                kindName.equals("tun") && data != null ? Tun.parse(data) : null);
    }

    private static byte[] attribute(ByteBuffer message, int type) {
        byte[] value = Rtnetlink.attribute(message, FIXED_PART_BYTES, message.limit(), type);
        return value == null ? new byte[0] : value;
    }

    private static int number(byte[] value, int otherwise) {
        if (value == null || value.length == 0) return otherwise;
        return value.length == 1
                ? Byte.toUnsignedInt(value[0])
                : ByteBuffer.wrap(value).order(ByteOrder.nativeOrder()).getInt();
    }

    /** Whether it is set up. */
    public boolean up() {
        return (flags & IFF_UP) != 0;
    }

    /** Whether it is set up and has a carrier. */
    public boolean running() {
        return (flags & IFF_RUNNING) != 0;
    }
}
