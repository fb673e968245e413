// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A BPF program as a filter of an interface's {@code clsact} queueing discipline, at its egress: what
 * {@code tc filter add dev … egress bpf direct-action} makes. tc-bpf(8), linux/pkt_cls.h.
 *
 * <p>The kernel keeps such a filter until it is removed, also when the process that made it is gone. So it carries a
 * name, by which {@link #removeAll} finds it again. A discipline tells nobody who made it, and others may have made an
 * empty one on purpose; so the name also says whether the discipline came with the filter and has to go with it. Any
 * thread; to change needs CAP_NET_ADMIN in the interface's network namespace.
 */
public final class EgressFilter implements AutoCloseable {
    private static final int TCA_KIND = 1;
    private static final int TCA_OPTIONS = 2;
    private static final int TCA_BPF_FD = 6;
    private static final int TCA_BPF_NAME = 7;
    private static final int TCA_BPF_FLAGS = 8;
    private static final int TCA_BPF_FLAG_ACT_DIRECT = 1;

    // Handles of linux/pkt_sched.h: the discipline, its one place, and the two directions of it.
    private static final int CLSACT = 0xFFFF0000;
    private static final int CLSACT_PARENT = 0xFFFFFFF1;
    private static final int INGRESS = 0xFFFFFFF2;
    private static final int EGRESS = 0xFFFFFFF3;

    private static final int TCMSG_BYTES = 20;
    private static final int TCM_HANDLE = 8;
    private static final int TCM_INFO = 16;

    /** Behind the filters of others, which expect to see the frame as it was. */
    private static final int LAST_PRIORITY = 0xFFFF;
    /** ETH_P_ALL in network byte order. */
    private static final int ALL_PROTOCOLS = 0x0300;

    /** Ends the name of a filter whose discipline was made for it. */
    private static final String WITH_DISCIPLINE = "+clsact";

    private static final int PLACE = LAST_PRIORITY << 16 | ALL_PROTOCOLS;

    private static final int CREATE = NetlinkRequest.NLM_F_ACK | NetlinkRequest.NLM_F_CREATE;

    private final LinkConfig link;
    private final String name;
    private boolean closed;

    private EgressFilter(LinkConfig link, String name) {
        this.link = link;
        this.name = name;
    }

    /**
     * Attaches a program behind all others at the egress of an interface.
     *
     * @param link stays open as long as the filter
     * @param programFd a loaded program of type BPF_PROG_TYPE_SCHED_CLS; the kernel keeps it, the descriptor may be
     *     closed
     * @param name of the filter, to find it by; any other filter of that name is removed
     * @throws NativeException if the kernel refuses: without CAP_NET_ADMIN, or without clsact or cls_bpf
     */
    public static EgressFilter attach(LinkConfig link, int programFd, String name) throws NativeException {
        removeAll(link, name);
        boolean ownDiscipline = addDiscipline(link);
        try {
            var request = filter(NetlinkRequest.RTM_NEWTFILTER, CREATE | NetlinkRequest.NLM_F_EXCL, link, 0, PLACE)
                    .attribute(TCA_KIND, "bpf")
                    .nested(
                            TCA_OPTIONS,
                            options -> options.attribute(TCA_BPF_FD, programFd)
                                    .attribute(TCA_BPF_NAME, ownDiscipline ? name + WITH_DISCIPLINE : name)
                                    .attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT));
            link.netlink()
                    .change(request, "rtnetlink RTM_NEWTFILTER", "cannot attach a program to the egress of " + link);
            return new EgressFilter(link, name);
        } catch (NativeException | RuntimeException e) {
            try {
                if (ownDiscipline) removeDiscipline(link);
            } catch (NativeException more) {
                e.addSuppressed(more);
            }
            throw e;
        }
    }

    private static NetlinkRequest filter(int type, int flags, LinkConfig link, int handle, int info) {
        return NetlinkRequest.trafficControl(type, flags, link.index(), handle, EGRESS, info);
    }

    private static NetlinkRequest discipline(int type, int flags, LinkConfig link) {
        return NetlinkRequest.trafficControl(type, flags, link.index(), CLSACT, CLSACT_PARENT, 0)
                .attribute(TCA_KIND, "clsact");
    }

    // False: there is one already.
    private static boolean addDiscipline(LinkConfig link) throws NativeException {
        var request = discipline(NetlinkRequest.RTM_NEWQDISC, CREATE | NetlinkRequest.NLM_F_EXCL, link);
        try {
            link.netlink()
                    .change(request, "rtnetlink RTM_NEWQDISC", "cannot add the queueing discipline clsact to " + link);
            return true;
        } catch (NativeException e) {
            if (e.errno() != Errno.EEXIST) throw e;
            // Where clsact would be there may be an ingress discipline, whose filters see what comes in.
            changeDiscipline(link);
            return false;
        }
    }

    // Succeeds only if the discipline that is there is clsact.
    private static void changeDiscipline(LinkConfig link) throws NativeException {
        link.netlink()
                .change(
                        discipline(NetlinkRequest.RTM_NEWQDISC, NetlinkRequest.NLM_F_ACK, link),
                        "rtnetlink RTM_NEWQDISC",
                        link + " has another queueing discipline where clsact would be (tc qdisc show)");
    }

    /** Whether there are filters of anybody's at the egress of an interface. Needs CAP_NET_ADMIN if there are any. */
    public static boolean anyAtEgress(LinkConfig link) throws NativeException {
        // An ingress discipline lists its filters here, too.
        if (list(link, EGRESS).isEmpty()) return false;
        try {
            changeDiscipline(link);
            return true;
        } catch (NativeException e) {
            if (e.errno() != Errno.EINVAL) throw e;
            return false;
        }
    }

    private static void removeDiscipline(LinkConfig link) throws NativeException {
        // Somebody else may use it by now: then it is his.
        if (!list(link, EGRESS).isEmpty() || !list(link, INGRESS).isEmpty()) return;
        link.netlink()
                .change(
                        discipline(NetlinkRequest.RTM_DELQDISC, NetlinkRequest.NLM_F_ACK, link),
                        "rtnetlink RTM_DELQDISC",
                        "cannot remove the queueing discipline clsact of " + link);
    }

    /**
     * Removes the filters of a name from the egress of an interface, such as a process left that was killed, and the
     * queueing discipline if it came with one of them and has no filter any more. Where there is none it needs no
     * privilege.
     *
     * @return how many filters there were
     */
    public static int removeAll(LinkConfig link, String name) throws NativeException {
        int removed = 0;
        boolean disciplineToo = false;
        for (var found : list(link, EGRESS)) {
            boolean withDiscipline = (name + WITH_DISCIPLINE).equals(nameOf(found));
            if (!withDiscipline && !name.equals(nameOf(found))) continue;
            var request = filter(
                            NetlinkRequest.RTM_DELTFILTER,
                            NetlinkRequest.NLM_F_ACK,
                            link,
                            found.getInt(TCM_HANDLE),
                            found.getInt(TCM_INFO))
                    .attribute(TCA_KIND, "bpf");
            String doing = "cannot remove the filter " + name + " from the egress of " + link;
            link.netlink().change(request, "rtnetlink RTM_DELTFILTER", doing);
            removed++;
            disciplineToo |= withDiscipline;
        }
        if (disciplineToo) removeDiscipline(link);
        return removed;
    }

    /** The names of the BPF filters at the egress of an interface, as the kernel has them. */
    public static List<String> names(LinkConfig link) throws NativeException {
        var names = new ArrayList<String>();
        for (var found : list(link, EGRESS)) {
            String name = nameOf(found);
            if (name != null) names.add(name);
        }
        return names;
    }

    // Without the discipline the kernel answers with an empty list, or EINVAL.
    private static List<ByteBuffer> list(LinkConfig link, int direction) throws NativeException {
        var request = NetlinkRequest.trafficControl(
                NetlinkRequest.RTM_GETTFILTER, NetlinkRequest.NLM_F_DUMP, link.index(), 0, direction, 0);
        try {
            return link
                    .netlink()
                    .list(request, "rtnetlink RTM_GETTFILTER", "cannot list the filters of " + link)
                    .stream()
                    // One message more for each priority, of its chain, without a handle.
                    .filter(found -> found.getInt(TCM_HANDLE) != 0)
                    .toList();
        } catch (NativeException e) {
            if (e.errno() == Errno.EINVAL || e.errno() == Errno.ENOENT) return List.of();
            throw e;
        }
    }

    // null: not a BPF program's.
    private static String nameOf(ByteBuffer filter) {
        byte[] kind = Rtnetlink.attribute(filter, TCMSG_BYTES, filter.limit(), TCA_KIND);
        byte[] options = Rtnetlink.attribute(filter, TCMSG_BYTES, filter.limit(), TCA_OPTIONS);
        if (kind == null || options == null || !Rtnetlink.text(kind).equals("bpf")) return null;
        byte[] name = Rtnetlink.attribute(options, TCA_BPF_NAME);
        return name == null ? null : Rtnetlink.text(name);
    }

    /**
     * Removes the filter as {@link #removeAll} does. Nothing happens the second time, or if the interface is gone.
     */
    @Override
    public synchronized void close() throws NativeException {
        if (closed) return;
        closed = true;
        try {
            removeAll(link, name);
        } catch (NativeException e) {
            if (e.errno() != Errno.ENODEV) throw e;
        }
    }

    @Override
    public String toString() {
        return "filter " + name + " at the egress of " + link;
    }
}
