// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import dev.ringtap.linux.posix.NativeException;
import java.util.ArrayList;
import java.util.List;

/** What others do with the queueing disciplines of an interface, as an administrator does with {@code tc}. */
public final class Disciplines {
    // linux/rtnetlink.h
    private static final int RTM_GETQDISC = 38;

    // linux/pkt_sched.h: the handle and parent that ingress and clsact share, and the place of what comes in.
    private static final int HANDLE = 0xFFFF0000;
    private static final int PARENT = 0xFFFFFFF1;
    private static final int INGRESS = 0xFFFFFFF2;

    private static final int TCMSG_BYTES = 20;
    private static final int TCM_IFINDEX = 4;
    private static final int TCA_KIND = 1;
    private static final int TCA_OPTIONS = 2;
    private static final int TCA_BPF_FD = 6;

    /** Priority 1, ETH_P_ALL in network byte order. */
    private static final int FIRST_ALL_PROTOCOLS = 1 << 16 | 0x0300;

    private static final int NEW = NetlinkRequest.NLM_F_ACK | NetlinkRequest.NLM_F_CREATE | NetlinkRequest.NLM_F_EXCL;

    private Disciplines() {}

    /** As {@code tc qdisc add dev … KIND}: {@code ingress}, or {@code clsact}, which stand in the same place. */
    public static void add(LinkConfig link, String kind) throws NativeException {
        var request = NetlinkRequest.trafficControl(NetlinkRequest.RTM_NEWQDISC, NEW, link.index(), HANDLE, PARENT, 0)
                .attribute(TCA_KIND, kind);
        link.netlink().change(request, "rtnetlink RTM_NEWQDISC", "cannot add the discipline " + kind + " to " + link);
    }

    /** As {@code tc qdisc show dev …}: the kinds of all there are. */
    public static List<String> kinds(LinkConfig link) throws NativeException {
        var request = NetlinkRequest.trafficControl(RTM_GETQDISC, NetlinkRequest.NLM_F_DUMP, link.index(), 0, 0, 0);
        var kinds = new ArrayList<String>();
        // Those of all interfaces.
        for (var found : link.netlink().list(request, "rtnetlink RTM_GETQDISC", "cannot list disciplines")) {
            if (found.getInt(TCM_IFINDEX) != link.index()) continue;
            kinds.add(Rtnetlink.text(Rtnetlink.attribute(found, TCMSG_BYTES, found.limit(), TCA_KIND)));
        }
        return kinds;
    }

    /** As {@code tc filter add dev … ingress bpf}: a program that meets what comes in. */
    public static void addIngressFilter(LinkConfig link, int programFd) throws NativeException {
        var request = NetlinkRequest.trafficControl(
                        NetlinkRequest.RTM_NEWTFILTER, NEW, link.index(), 0, INGRESS, FIRST_ALL_PROTOCOLS)
                .attribute(TCA_KIND, "bpf")
                .nested(TCA_OPTIONS, options -> options.attribute(TCA_BPF_FD, programFd));
        link.netlink().change(request, "rtnetlink RTM_NEWTFILTER", "cannot add a filter to the ingress of " + link);
    }
}
