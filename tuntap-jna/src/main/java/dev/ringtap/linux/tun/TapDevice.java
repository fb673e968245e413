// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.LinkInfo;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A TAP with several queues whose frames carry the virtio-net header of 12 bytes in little-endian order, so that
 * header and frame can be read straight into a guest's buffer. Linux, Documentation/networking/tuntap.rst.
 *
 * <p>The interface belongs to the network namespace of the thread that opens it, unless it was {@linkplain #adopt handed
 * in}; then every thread may use this object,
 * and its methods take turns. Settings through the descriptors, here, need no privilege once the TAP is open; those
 * through {@link #link} need CAP_NET_ADMIN.
 */
public final class TapDevice implements AutoCloseable {
    /** The most queues a TAP has: MAX_TAP_QUEUES of the kernel's tun.c. */
    public static final int MAX_QUEUES = 256;

    /** Bytes in front of each frame at first: {@code struct virtio_net_hdr_v1} of linux/virtio_net.h. */
    public static final int HEADER_BYTES = 12;

    private static final String CLONE_DEVICE = "/dev/net/tun";
    private static final int FLAGS =
            TunIoctl.IFF_TAP | TunIoctl.IFF_NO_PI | TunIoctl.IFF_VNET_HDR | TunIoctl.IFF_MULTI_QUEUE;
    private static final int NO_PROGRAM = -1;

    // Each is tried with the checksum flag and alone, but for those that the kernel takes only as a pair.
    private static final int[] OFFLOADS_TO_TRY = {
        TunOffload.CSUM,
        TunOffload.TSO4,
        TunOffload.TSO6,
        TunOffload.TSO4 | TunOffload.TSO6 | TunOffload.TSO_ECN,
        TunOffload.UFO,
        TunOffload.USO4 | TunOffload.USO6
    };

    /**
     * What to open.
     *
     * @param name of the interface, 1 to 15 bytes; may contain {@code %d} once, which the kernel replaces by a free
     *     number
     * @param queues 1 to 256, all attached at first
     * @param persist whether the interface stays when this process is gone
     * @param ownerUid who may open it without CAP_NET_ADMIN, or {@code null}; of use with {@code persist}
     * @param groupGid the same for a group, or {@code null}
     */
    public record Options(String name, int queues, boolean persist, Integer ownerUid, Integer groupGid) {
        /**
         * @throws IllegalArgumentException if the name or the number of queues cannot be right
         */
        public Options {
            String problem = problemOf(name);
            if (problem != null) throw new IllegalArgumentException("TAP name \"" + name + "\": " + problem);
            if (queues < 1 || queues > MAX_QUEUES)
                throw new IllegalArgumentException(queues + " TAP queues: there are 1 to " + MAX_QUEUES);
        }

        /** A TAP that vanishes with this object. */
        public static Options of(String name, int queues) {
            return new Options(name, queues, false, null, null);
        }

        /** These options, with or without persistence. */
        public Options withPersist(boolean newPersist) {
            return new Options(name, queues, newPersist, ownerUid, groupGid);
        }

        /** These options, with an owner. */
        public Options withOwner(int uid) {
            return new Options(name, queues, persist, uid, groupGid);
        }

        // As dev_valid_name and dev_alloc_name of the kernel's net/core/dev.c have it.
        private static String problemOf(String name) {
            int bytes = name.getBytes(StandardCharsets.UTF_8).length;
            if (bytes == 0 || bytes > LinkConfig.MAX_NAME_BYTES)
                return bytes + " bytes; an interface name has 1 to " + LinkConfig.MAX_NAME_BYTES;
            if (name.equals(".") || name.equals("..")) return "not the name of an interface";
            if (name.chars().anyMatch(c -> c == '/' || c == ':' || c <= ' ' || c == 0x7F))
                return "an interface name has no slash, colon, blank or control character";
            String rest = name.replaceFirst("%d", "");
            return rest.contains("%") ? "at most one %d, and no other %" : null;
        }

        private boolean namePattern() {
            return name.contains("%d");
        }
    }

    private final String name;
    private final LinkConfig link;
    private final List<TapQueue> queues = new ArrayList<>();

    // The queues in the order of the kernel's own table: those it calls 0, 1, and so on.
    private final List<TapQueue> attached = new ArrayList<>();

    private int headerBytes = HEADER_BYTES;
    private int supportedOffloads;
    private int offloads;
    private boolean steered;
    private boolean filtered;

    private TapDevice(String name, LinkConfig link) {
        this.name = name;
        this.link = link;
    }

    /**
     * Creates the interface, or opens a persistent one that nobody holds open. It is down at first, unless it was up.
     * An interface that is persistent already stays so.
     *
     * @throws NativeException whose message says what to do: no {@code /dev/net/tun}, no permission, the name is taken
     */
    public static TapDevice open(Options options) throws NativeException {
        String doing = "cannot open the TAP device " + options.name();
        var opened = new ArrayList<OwnedFd>();
        LinkConfig link = null;
        try {
            opened.add(openClone(doing));
            boolean exists = false;
            if (!options.namePattern()) {
                var present = LinkInfo.find(options.name());
                exists = present != null;
                if (exists) refuseForeign(present, doing);
            }
            // Without the flag the kernel would quietly add our queues to a TAP that was made in the meantime.
            String name = addQueue(opened.get(0), options.name(), exists ? 0 : TunIoctl.IFF_TUN_EXCL, doing);
            if (exists) refuseShared(LinkInfo.find(name), doing);
            for (int i = 1; i < options.queues(); i++) {
                opened.add(openClone(doing));
                addQueue(opened.get(i), name, 0, doing);
            }
            link = LinkConfig.open(name);
            var device = new TapDevice(name, link);
            device.setUp(opened, options, doing);
            return device;
        } catch (NativeException | RuntimeException e) {
            opened.forEach(OwnedFd::close);
            if (link != null) link.close();
            throw e;
        }
    }

    /**
     * Takes over a TAP that another process has opened and handed in, one descriptor a queue. Queue 0 is the first of them,
     * whatever the kernel called it before. Needs neither a privilege nor {@code /dev/net/tun}. The interface may be in
     * another network namespace; then {@link #link} is out of reach.
     *
     * <p>Frames that the queues of a TAP with several hold at that moment are dropped.
     *
     * @param fds 1 to 256 descriptors of queues of one TAP, all that it has; closed with this object, and not if this fails
     * @throws NativeException if one of them is no such descriptor, with its number
     */
    public static TapDevice adopt(List<Integer> fds) throws NativeException {
        if (fds.isEmpty() || fds.size() > MAX_QUEUES)
            throw new IllegalArgumentException(fds.size() + " TAP queues: there are 1 to " + MAX_QUEUES);
        String name = HandedInQueues.check(fds);
        String doing = "cannot take over the TAP device " + name;
        var link = HandedInQueues.inOwnNamespace(fds.getFirst(), name) ? LinkConfig.open(name) : null;
        try {
            if (link != null) HandedInQueues.refuseMissing(LinkInfo.find(name), fds.size(), doing);
            var device = new TapDevice(name, link);
            for (int fd : fds) {
                device.queues.add(new TapQueue(device, device.queues.size(), HandedInQueues.own(fd, doing)));
            }
            device.attached.addAll(device.queues);
            device.configure(doing);
            if (fds.size() > 1) {
                // The kernel numbers queues in the order in which they are attached.
                device.setAttachedQueues(0);
                device.setAttachedQueues(fds.size());
            }
            return device;
        } catch (NativeException | RuntimeException e) {
            if (link != null) link.close();
            throw e;
        }
    }

    private static OwnedFd openClone(String doing) throws NativeException {
        int result = Posix.open(CLONE_DEVICE, Posix.O_RDWR | Posix.O_NONBLOCK | Posix.O_CLOEXEC);
        String hint = switch (-result) {
            case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
                " (load the kernel module tun; a container needs the device " + CLONE_DEVICE + ")";
            case Errno.EACCES -> " (this user may not open the file)";
            case Errno.EPERM -> " (a container needs permission for the device " + CLONE_DEVICE + ")";
            default -> "";
        };
        return OwnedFd.of(check(result, "open " + CLONE_DEVICE, doing + hint));
    }

    private static String addQueue(OwnedFd fd, String name, int extraFlags, String doing) throws NativeException {
        String[] nameInOut = {name};
        int result = TunIoctl.TUNSETIFF.tryFlags(fd.number(), nameInOut, FLAGS | extraFlags);
        String hint = switch (-result) {
            case Errno.EPERM -> " (this needs CAP_NET_ADMIN, or a persistent TAP that belongs to this user)";
            case Errno.EBUSY -> " (the name is taken)";
            default -> "";
        };
        check(result, TunIoctl.TUNSETIFF.call(), doing + hint);
        return nameInOut[0];
    }

    // The kernel answers all of these with EINVAL, or lets them pass.
    private static void refuseForeign(LinkInfo present, String doing) throws NativeException {
        String problem = null;
        if (!present.kind().equals("tun")) problem = "the name is taken by an interface that is not a TAP";
        else if (present.tun() == null) return;
        else if (!present.tun().tap())
            problem = "the name is taken by a TUN interface, which carries no Ethernet frames";
        else if (present.tun().queues() + present.tun().detachedQueues() > 0)
            problem = "the name is taken by a TAP that another process holds open";
        else if (!present.tun().multiQueue()) problem = "the TAP of that name was made without multi_queue";
        if (problem != null)
            throw new NativeException(TunIoctl.TUNSETIFF.call(), Errno.EBUSY, doing + " (" + problem + ")");
    }

    // Somebody may have opened the persistent TAP at the same moment.
    private static void refuseShared(LinkInfo present, String doing) throws NativeException {
        if (present == null || present.tun() == null) return;
        if (present.tun().queues() + present.tun().detachedQueues() == 1) return;
        String problem = " (the name is taken by a TAP that another process holds open)";
        throw new NativeException(TunIoctl.TUNSETIFF.call(), Errno.EBUSY, doing + problem);
    }

    private void setUp(List<OwnedFd> fds, Options options, String doing) throws NativeException {
        for (var fd : fds) queues.add(new TapQueue(this, queues.size(), fd));
        attached.addAll(queues);
        configure(doing);
        if (options.ownerUid() != null) TunIoctl.TUNSETOWNER.value(control(), options.ownerUid(), doing);
        if (options.groupGid() != null) TunIoctl.TUNSETGROUP.value(control(), options.groupGid(), doing);
        if (options.persist()) setPersist(true);
    }

    private void configure(String doing) throws NativeException {
        TunIoctl.TUNSETVNETHDRSZ.pointer(control(), HEADER_BYTES, doing);
        TunIoctl.TUNSETVNETLE.pointer(control(), 1, doing);
        supportedOffloads = probeOffloads();
        TunIoctl.TUNSETOFFLOAD.value(control(), 0, doing);
    }

    private int probeOffloads() {
        int supported = 0;
        for (int flags : OFFLOADS_TO_TRY)
            if (TunIoctl.TUNSETOFFLOAD.tryValue(control(), TunOffload.CSUM | flags) >= 0) supported |= flags;
        return supported;
    }

    // Device settings go through any queue's descriptor, attached or not.
    private int control() {
        return queues.getFirst().fd().number();
    }

    /** The interface's name, with its number if a pattern was asked for. */
    public String name() {
        return name;
    }

    /** Queues opened, attached or not. */
    public int queueCount() {
        return queues.size();
    }

    /**
     * A queue by its place in the order of opening.
     *
     * @param i from 0
     */
    public TapQueue queue(int i) {
        return queues.get(i);
    }

    /**
     * The interface's settings; closed with this object.
     *
     * @throws IllegalStateException if they are out of reach
     */
    public LinkConfig link() {
        if (link == null)
            throw new IllegalStateException(
                    "the interface " + name + " is in another network namespace than this process");
        return link;
    }

    /** Whether {@link #link} is within reach: not if the TAP was handed in from another network namespace. */
    public boolean linkInReach() {
        return link != null;
    }

    /**
     * Sets how many bytes stand in front of each frame, both ways (TUNSETVNETHDRSZ): {@link #HEADER_BYTES}, or more where
     * the kernel has more to say. Before anybody reads or writes.
     */
    public synchronized void setHeaderBytes(int bytes) throws NativeException {
        TunIoctl.TUNSETVNETHDRSZ.pointer(
                control(), bytes, "cannot set headers of " + bytes + " bytes on the TAP device " + name);
        headerBytes = bytes;
    }

    synchronized int headerBytes() {
        return headerBytes;
    }

    /**
     * Tells the kernel what the reader of the queues copes with; nothing at first.
     *
     * @param tunFlags of {@link TunOffload}, among {@link #supportedOffloads}
     */
    public synchronized void setOffloads(int tunFlags) throws NativeException {
        String doing = "cannot set the offloads of " + name + " to " + TunOffload.describe(tunFlags) + " (it supports "
                + TunOffload.describe(supportedOffloads) + ")";
        TunIoctl.TUNSETOFFLOAD.value(control(), tunFlags, doing);
        offloads = tunFlags;
    }

    /** What {@link #setOffloads} was given last. */
    public synchronized int offloads() {
        return offloads;
    }

    /** The offloads this kernel knows, found out by trying when the device was opened. */
    public int supportedOffloads() {
        return supportedOffloads;
    }

    /**
     * Lets a BPF program choose the queue of every frame the host sends: what it returns, modulo the number of attached
     * queues, is the {@linkplain TapQueue#kernelIndex kernel's number} of the queue. The kernel keeps the program; its
     * descriptor may be closed. Replaces the previous one.
     *
     * @param programFd a loaded program of type BPF_PROG_TYPE_SOCKET_FILTER
     */
    public synchronized void setSteering(int programFd) throws NativeException {
        TunIoctl.TUNSETSTEERINGEBPF.pointer(
                control(), programFd, "cannot set the steering program of the TAP device " + name);
        steered = programFd != NO_PROGRAM;
    }

    /** Back to automatic steering: by the flow's hash, following the queue on which the flow's frames come back. */
    public void clearSteering() throws NativeException {
        setSteering(NO_PROGRAM);
    }

    /**
     * Lets a BPF program decide how many bytes of every frame the host sends get through; 0 drops it.
     *
     * @param programFd a loaded program of type BPF_PROG_TYPE_SOCKET_FILTER
     */
    public synchronized void setFilter(int programFd) throws NativeException {
        TunIoctl.TUNSETFILTEREBPF.pointer(
                control(), programFd, "cannot set the filter program of the TAP device " + name);
        filtered = programFd != NO_PROGRAM;
    }

    /** Removes the filter program, if there is one. */
    public void clearFilter() throws NativeException {
        setFilter(NO_PROGRAM);
    }

    /**
     * Lets frames to any Ethernet address through (TUNSETTXFILTER). The kernel's filter by addresses looks at the first
     * bytes of a packet, whatever they are; a persistent TAP may have one from whoever held it before.
     */
    public synchronized void clearTransmitFilter() throws NativeException {
        // struct tun_filter {u16 flags; u16 count}: no address is no filter.
        TunIoctl.TUNSETTXFILTER.pointer(control(), 0, "cannot clear the transmit filter of the TAP device " + name);
    }

    /**
     * Plugs the cable in or out, as the host sees it. Plugged in at first.
     *
     * @throws NativeException EPERM if it is to be plugged in while no queue is attached
     */
    public synchronized void setCarrier(boolean on) throws NativeException {
        String reason = on && attached.isEmpty() ? " (no queue is attached)" : "";
        TunIoctl.TUNSETCARRIER.pointer(
                control(), on ? 1 : 0, "cannot set the carrier of the TAP device " + name + reason);
    }

    /** Whether the interface stays when all its queues are closed. */
    public synchronized void setPersist(boolean persist) throws NativeException {
        String doing = "cannot make the TAP device " + name + (persist ? " persistent" : " vanish when it is closed");
        TunIoctl.TUNSETPERSIST.value(control(), persist ? 1 : 0, doing);
    }

    /** The host's address on this interface, 6 bytes; the guest's is another one. */
    public synchronized byte[] mac() throws NativeException {
        return TunIoctl.SIOCGIFHWADDR.getMac(control(), "cannot read the address of the TAP device " + name);
    }

    /** Sets the host's address on this interface, 6 bytes of a unicast address. */
    public synchronized void setMac(byte[] mac) throws NativeException {
        if (mac.length != 6) throw new IllegalArgumentException("an Ethernet address of " + mac.length + " bytes");
        String text = HexFormat.ofDelimiter(":").formatHex(mac);
        TunIoctl.SIOCSIFHWADDR.setMac(control(), mac, "cannot give the TAP device " + name + " the address " + text);
    }

    /** What the kernel's driver can do: IFF_* bits of TUNGETFEATURES. */
    public synchronized int features() throws NativeException {
        return TunIoctl.TUNGETFEATURES.get(control(), "cannot read the features of the TAP device " + name);
    }

    /**
     * Attaches and detaches so that exactly queues 0 to n-1 are attached, and the kernel numbers them in that order. It
     * fills the number of a detached queue with its last one, so queues go from the highest down and come back in
     * ascending order. Each that goes takes milliseconds, and the frames it holds are dropped.
     *
     * @param n 0 to {@link #queueCount}; with 0 the host's frames are dropped
     * @throws NativeException if the kernel refuses one; those before it have changed
     */
    public synchronized void setAttachedQueues(int n) throws NativeException {
        if (n < 0 || n > queues.size())
            throw new IllegalArgumentException(n + " attached queues: " + name + " has " + queues.size());
        int inPlace = 0;
        while (inPlace < Math.min(n, attached.size()) && attached.get(inPlace) == queues.get(inPlace)) inPlace++;
        while (attached.size() > inPlace) detach(attached.getLast());
        while (attached.size() < n) attach(queues.get(attached.size()));
    }

    /** Queues that take frames at present. */
    public synchronized int attachedQueues() {
        return attached.size();
    }

    synchronized int kernelIndexOf(TapQueue queue) {
        return attached.indexOf(queue);
    }

    synchronized void attach(TapQueue queue) throws NativeException {
        if (attached.contains(queue)) return;
        setQueue(queue, TunIoctl.IFF_ATTACH_QUEUE, "attach");
        attached.add(queue);
    }

    synchronized void detach(TapQueue queue) throws NativeException {
        int hole = attached.indexOf(queue);
        if (hole < 0) return;
        setQueue(queue, TunIoctl.IFF_DETACH_QUEUE, "detach");
        // As __tun_detach of the kernel's tun.c does.
        var last = attached.removeLast();
        if (hole < attached.size()) attached.set(hole, last);
    }

    private void setQueue(TapQueue queue, int flag, String verb) throws NativeException {
        String[] unused = {""};
        int result = TunIoctl.TUNSETQUEUE.tryFlags(queue.fd().number(), unused, flag);
        check(result, TunIoctl.TUNSETQUEUE.call(), "cannot " + verb + " queue " + queue.index() + " of " + name);
    }

    /**
     * Takes off the programs that were set here and closes all queues, whereupon the interface vanishes if it is not
     * persistent. Nothing happens the second time.
     */
    @Override
    public synchronized void close() {
        try {
            if (filtered) clearFilter();
            if (steered) clearSteering();
        } catch (NativeException e) {
            // Somebody removed the interface, and the programs with it.
        }
        filtered = false;
        steered = false;
        // From the highest, so that no frame is steered to a queue that has just changed its number.
        for (var queue : queues.reversed()) queue.fd().close();
        if (link != null) link.close();
    }

    @Override
    public String toString() {
        return "TAP " + name + " with " + queues.size() + " queues";
    }
}
