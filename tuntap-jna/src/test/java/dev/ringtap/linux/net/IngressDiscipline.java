// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import dev.ringtap.linux.posix.NativeException;

/** What others put where clsact would be. */
public final class IngressDiscipline {
    // linux/pkt_sched.h: the handle and parent of the ingress discipline, TC_H_INGRESS.
    private static final int INGRESS_HANDLE = 0xFFFF0000;
    private static final int INGRESS_PARENT = 0xFFFFFFF1;
    private static final int TCA_KIND = 1;

    private IngressDiscipline() {}

    /** As {@code tc qdisc add dev … ingress}. */
    public static void addTo(LinkConfig link) throws NativeException {
        int flags = NetlinkRequest.NLM_F_ACK | NetlinkRequest.NLM_F_CREATE | NetlinkRequest.NLM_F_EXCL;
        var request = NetlinkRequest.trafficControl(
                        NetlinkRequest.RTM_NEWQDISC, flags, link.index(), INGRESS_HANDLE, INGRESS_PARENT, 0)
                .attribute(TCA_KIND, "ingress");
        link.netlink().change(request, "rtnetlink RTM_NEWQDISC", "cannot add an ingress discipline to " + link);
    }
}
