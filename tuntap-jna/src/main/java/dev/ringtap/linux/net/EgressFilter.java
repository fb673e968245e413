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
 * name, by which {@link #removeAll} finds it again. What is opened inside the interface's network namespace may be used
 * from any thread; to change needs CAP_NET_ADMIN in that namespace.
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

    private static final int CREATE = NetlinkRequest.NLM_F_ACK | NetlinkRequest.NLM_F_CREATE;

    private final Rtnetlink netlink;
    private final int interfaceIndex;
    private final String name;
    private final boolean ownDiscipline;
    private boolean closed;

    private EgressFilter(Rtnetlink netlink, int interfaceIndex, String name, boolean ownDiscipline) {
        this.netlink = netlink;
        this.interfaceIndex = interfaceIndex;
        this.name = name;
        this.ownDiscipline = ownDiscipline;
    }

    /**
     * Attaches a program behind all others at the egress of an interface of the calling thread's network namespace.
     *
     * @param programFd a loaded program of type BPF_PROG_TYPE_SCHED_CLS; the kernel keeps it, the descriptor may be
     *     closed
     * @param name of the filter, to find it by; any other filter of that name is removed
     * @throws NativeException if the kernel refuses: without CAP_NET_ADMIN, or without clsact or cls_bpf
     */
    public static EgressFilter attach(int interfaceIndex, int programFd, String name) throws NativeException {
        var netlink = Rtnetlink.open();
        boolean ownDiscipline = false;
        try {
            ownDiscipline = addDiscipline(netlink, interfaceIndex);
            remove(netlink, interfaceIndex, name);
            var request = NetlinkRequest.trafficControl(
                            NetlinkRequest.RTM_NEWTFILTER,
                            CREATE | NetlinkRequest.NLM_F_EXCL,
                            interfaceIndex,
                            0,
                            EGRESS,
                            LAST_PRIORITY << 16 | ALL_PROTOCOLS)
                    .attribute(TCA_KIND, "bpf")
                    .nested(
                            TCA_OPTIONS,
                            options -> options.attribute(TCA_BPF_FD, programFd)
                                    .attribute(TCA_BPF_NAME, name)
                                    .attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT));
            netlink.change(
                    request,
                    "rtnetlink RTM_NEWTFILTER",
                    "cannot attach a program to the egress of interface " + interfaceIndex);
            return new EgressFilter(netlink, interfaceIndex, name, ownDiscipline);
        } catch (NativeException | RuntimeException e) {
            try {
                if (ownDiscipline) removeDiscipline(netlink, interfaceIndex);
            } catch (NativeException more) {
                e.addSuppressed(more);
            }
            netlink.close();
            throw e;
        }
    }

    // False: there is one already.
    private static boolean addDiscipline(Rtnetlink netlink, int interfaceIndex) throws NativeException {
        var request = NetlinkRequest.trafficControl(
                        NetlinkRequest.RTM_NEWQDISC,
                        CREATE | NetlinkRequest.NLM_F_EXCL,
                        interfaceIndex,
                        CLSACT,
                        CLSACT_PARENT,
                        0)
                .attribute(TCA_KIND, "clsact");
        try {
            netlink.change(
                    request,
                    "rtnetlink RTM_NEWQDISC",
                    "cannot give interface " + interfaceIndex + " the queueing discipline clsact");
            return true;
        } catch (NativeException e) {
            if (e.errno() != Errno.EEXIST) throw e;
            return false;
        }
    }

    private static void removeDiscipline(Rtnetlink netlink, int interfaceIndex) throws NativeException {
        // Somebody else may use it by now.
        if (!list(netlink, interfaceIndex, EGRESS).isEmpty()
                || !list(netlink, interfaceIndex, INGRESS).isEmpty()) return;
        var request = NetlinkRequest.trafficControl(
                NetlinkRequest.RTM_DELQDISC, NetlinkRequest.NLM_F_ACK, interfaceIndex, CLSACT, CLSACT_PARENT, 0);
        netlink.change(
                request,
                "rtnetlink RTM_DELQDISC",
                "cannot remove the queueing discipline clsact of interface " + interfaceIndex);
    }

    /**
     * Removes the filters of a name from the egress of an interface of the calling thread's network namespace, such as
     * a process left that was killed. Where there is none it needs no privilege.
     *
     * @return how many there were
     */
    public static int removeAll(int interfaceIndex, String name) throws NativeException {
        try (var netlink = Rtnetlink.open()) {
            return remove(netlink, interfaceIndex, name);
        }
    }

    private static int remove(Rtnetlink netlink, int interfaceIndex, String name) throws NativeException {
        int removed = 0;
        for (var filter : list(netlink, interfaceIndex, EGRESS)) {
            if (!name.equals(nameOf(filter))) continue;
            var request = NetlinkRequest.trafficControl(
                            NetlinkRequest.RTM_DELTFILTER,
                            NetlinkRequest.NLM_F_ACK,
                            interfaceIndex,
                            filter.getInt(TCM_HANDLE),
                            EGRESS,
                            filter.getInt(TCM_INFO))
                    .attribute(TCA_KIND, "bpf");
            netlink.change(
                    request,
                    "rtnetlink RTM_DELTFILTER",
                    "cannot remove the filter " + name + " from the egress of interface " + interfaceIndex);
            removed++;
        }
        return removed;
    }

    /** The names of the BPF filters at the egress of an interface of the calling thread's network namespace. */
    public static List<String> names(int interfaceIndex) throws NativeException {
        try (var netlink = Rtnetlink.open()) {
            var names = new ArrayList<String>();
            for (var filter : list(netlink, interfaceIndex, EGRESS)) {
                String name = nameOf(filter);
                if (name != null) names.add(name);
            }
            return names;
        }
    }

    // Without the discipline the kernel answers with an empty list, or EINVAL.
    private static List<ByteBuffer> list(Rtnetlink netlink, int interfaceIndex, int direction) throws NativeException {
        var request = NetlinkRequest.trafficControl(
                NetlinkRequest.RTM_GETTFILTER, NetlinkRequest.NLM_F_DUMP, interfaceIndex, 0, direction, 0);
        String doing = "cannot list the filters of interface " + interfaceIndex;
        try {
            return netlink.list(request, "rtnetlink RTM_GETTFILTER", doing).stream()
                    // One message more for each priority, of its chain, without a handle.
                    .filter(filter -> filter.getInt(TCM_HANDLE) != 0)
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
     * Removes the filter, and the queueing discipline if it came with the filter and nobody else uses it. Nothing
     * happens the second time, or if the interface is gone.
     */
    @Override
    public synchronized void close() throws NativeException {
        if (closed) return;
        closed = true;
        try (netlink) {
            remove(netlink, interfaceIndex, name);
            if (ownDiscipline) removeDiscipline(netlink, interfaceIndex);
        } catch (NativeException e) {
            if (e.errno() != Errno.ENODEV) throw e;
        }
    }

    @Override
    public String toString() {
        return "filter " + name + " at the egress of interface " + interfaceIndex;
    }
}
