// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.VmProgram;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.VnetHashIoctls;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;

/**
 * A multi-queue TAP in user space that behaves as the kernel's drivers/net/tun.c does wherever its reader or the host can see
 * it. Needs no privilege and no device file. What it does and does not is in {@code docs/emulated-tap.md}.
 *
 * <p>The guest's side are the queues of this port, the host's side is {@link #host}. Settings may be made from any thread but
 * not from a chooser, a filter or a receiver; those that replace something return only when no sender uses the former any
 * more.
 */
public final class EmulatedTap implements TapPort {
    /** The largest frame either way, an IPv6 packet with its Ethernet header and tags. */
    public static final int MAX_FRAME_BYTES = 68 * 1024;

    /** Frames that a queue holds: {@code txqueuelen} of a TAP that nobody has changed. */
    public static final int DEFAULT_QUEUE_LENGTH = 1000;

    /** What programs see as {@code ifindex}. */
    static final int INTERFACE_INDEX = 2;

    private static final int DEFAULT_MTU = 1500;
    private static final int MIN_MTU = 68;
    private static final int MAX_MTU = 65_521;
    private static final int MAX_QUEUE_LENGTH = 1 << 20;
    /** Frames on their way between sender and ring, and reader and pool. */
    private static final int FRAMES_IN_HANDS = 64;

    private static final int ALL_OFFLOADS = TunOffload.CSUM
            | TunOffload.TSO4
            | TunOffload.TSO6
            | TunOffload.TSO_ECN
            | TunOffload.UFO
            | TunOffload.USO4
            | TunOffload.USO6;

    /**
     * What to make.
     *
     * @param name for people, as an interface's
     * @param queues 1 to 256, all attached at first
     * @param queueLength frames that each queue holds, 1 or more
     * @param mtu 68 to 65,521 bytes; the guest is told, nothing is refused for it
     * @param headerBytes in front of each frame: 12, or 20 with room for a hash
     * @param hashTypes those that TUNGETVNETHASHTYPES tells of, a mask of {@link HashType}
     */
    public record Options(String name, int queues, int queueLength, int mtu, int headerBytes, int hashTypes) {
        /** What the kernel's flow dissector can tell apart, and so the ioctls that were proposed for it. */
        public static final int DISSECTOR_HASH_TYPES = HashType.IPV4.mask()
                | HashType.TCPV4.mask()
                | HashType.UDPV4.mask()
                | HashType.IPV6.mask()
                | HashType.TCPV6.mask()
                | HashType.UDPV6.mask();

        /** @throws IllegalArgumentException if a number is out of its range */
        public Options {
            Objects.requireNonNull(name, "name");
            check("queues", queues, 1, TapDevice.MAX_QUEUES);
            check("queue length", queueLength, 1, MAX_QUEUE_LENGTH);
            check("MTU", mtu, MIN_MTU, MAX_MTU);
            if (headerBytes != NetHeader.SIZE && headerBytes != NetHeader.SIZE_WITH_HASH) {
                throw new IllegalArgumentException("a header of %d bytes: must be %d or %d"
                        .formatted(headerBytes, NetHeader.SIZE, NetHeader.SIZE_WITH_HASH));
            }
            if ((hashTypes & ~HashType.ALL) != 0) {
                throw new IllegalArgumentException(
                        "hash types 0x%x: must be of 0x%x".formatted(hashTypes, HashType.ALL));
            }
        }

        /** 1,000 frames a queue, an MTU of 1,500 bytes, a header of 12, all hash types. */
        public static Options of(String name, int queues) {
            return new Options(name, queues, DEFAULT_QUEUE_LENGTH, DEFAULT_MTU, NetHeader.SIZE, HashType.ALL);
        }

        /** These options with another length of queues. */
        public Options withQueueLength(int frames) {
            return new Options(name, queues, frames, mtu, headerBytes, hashTypes);
        }

        /** These options with another MTU. */
        public Options withMtu(int bytes) {
            return new Options(name, queues, queueLength, bytes, headerBytes, hashTypes);
        }

        /** These options with a header of 12 or 20 bytes. */
        public Options withHeaderBytes(int bytes) {
            return new Options(name, queues, queueLength, mtu, bytes, hashTypes);
        }

        /** These options with fewer hash types, such as {@link #DISSECTOR_HASH_TYPES}. */
        public Options withHashTypes(int mask) {
            return new Options(name, queues, queueLength, mtu, headerBytes, mask);
        }

        private static void check(String what, int value, int least, int most) {
            if (value < least || value > most) {
                throw new IllegalArgumentException("%s is %d: must be %d to %d".formatted(what, value, least, most));
            }
        }
    }

    private final Options options;
    private final byte[] mac = new byte[6];
    private final EmulatedQueue[] queues;
    private final FramePool pool;
    private final DeviceStats stats = new DeviceStats();
    private final HostSide host = new HostSide(this);
    private final GracePeriod senders = new GracePeriod();
    private final ThreadLocal<Sender> sender;
    private final FlowHash flowHash = new FlowHash();
    private final FlowTable flows = new FlowTable();
    private final AtomicBoolean ageing = new AtomicBoolean();
    private volatile Attachment attachment;

    /** A new device, up, with all queues attached and automatic steering, whose reader copes with nothing yet. */
    public EmulatedTap(Options options) {
        this.options = options;
        long frames = (long) options.queues() * options.queueLength() + FRAMES_IN_HANDS;
        pool = new FramePool((int) Math.min(frames, MAX_QUEUE_LENGTH));
        queues = new EmulatedQueue[options.queues()];
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new EmulatedQueue(this, i, options.headerBytes(), options.queueLength(), pool, stats);
        }
        sender = ThreadLocal.withInitial(() -> new Sender(this, pool, stats));
        attachment = new Attachment(queues.clone(), null, null, 0, true, false);
        new SecureRandom().nextBytes(mac);
        // A unicast address of nobody's, as eth_hw_addr_random makes.
        mac[0] = (byte) (mac[0] & 0xFE | 0x02);
    }

    /** The host's end. */
    public HostSide host() {
        return host;
    }

    /** What it was made with. */
    public Options options() {
        return options;
    }

    /** The host's address on this interface, 6 bytes. */
    public byte[] mac() {
        return mac.clone();
    }

    @Override
    public String name() {
        return options.name();
    }

    @Override
    public int queueCount() {
        return queues.length;
    }

    @Override
    public PortQueue queue(int index) {
        return queues[index];
    }

    @Override
    public int mtu() {
        return options.mtu();
    }

    @Override
    public int supportedOffloads() {
        return ALL_OFFLOADS;
    }

    /** @throws NativeException EINVAL for a combination that TUNSETOFFLOAD refuses */
    @Override
    public void setOffloads(int tunFlags) throws NativeException {
        if (!combines(tunFlags)) {
            String doing = "cannot set the offloads of " + name() + " to " + TunOffload.describe(tunFlags);
            throw new NativeException("TUNSETOFFLOAD", Errno.EINVAL, doing);
        }
        change(current -> current.withOffloads(tunFlags));
    }

    // As set_offload of the kernel's tun.c: everything needs CSUM, ECN needs one of the TSOs, and the USOs come
    // together.
    private static boolean combines(int tunFlags) {
        int left = tunFlags;
        if ((left & TunOffload.CSUM) != 0) {
            left &= ~(TunOffload.CSUM | TunOffload.UFO);
            int tso = TunOffload.TSO4 | TunOffload.TSO6;
            if ((left & tso) != 0) {
                left &= ~(tso | TunOffload.TSO_ECN);
            }
            int uso = TunOffload.USO4 | TunOffload.USO6;
            if ((left & uso) == uso) {
                left &= ~uso;
            }
        }
        return left == 0;
    }

    @Override
    public synchronized void setAttachedQueues(int count) {
        if (count < 0 || count > queues.length) {
            throw new IllegalArgumentException("%d attached queues: %s has %d".formatted(count, name(), queues.length));
        }
        int inPlace = 0;
        while (inPlace < Math.min(count, attachedQueues()) && attachment.queues()[inPlace] == queues[inPlace]) {
            inPlace++;
        }
        while (attachedQueues() > inPlace) {
            detach(attachment.queues()[attachedQueues() - 1]);
        }
        while (attachedQueues() < count) {
            attachQueue(attachedQueues());
        }
    }

    /** Attaches one queue behind those that are attached. Nothing happens if it is attached. */
    public synchronized void attachQueue(int index) {
        EmulatedQueue queue = queues[index];
        Attachment current = attachment;
        if (current.indexOf(queue) >= 0 || current.removed()) {
            return;
        }
        EmulatedQueue[] more = Arrays.copyOf(current.queues(), current.queues().length + 1);
        more[more.length - 1] = queue;
        attachment = current.withQueues(more);
    }

    /**
     * Detaches one queue: what it holds is dropped, and the last of the attached queues takes its number. Nothing happens if
     * it is detached.
     */
    public synchronized void detachQueue(int index) {
        detach(queues[index]);
    }

    private void detach(EmulatedQueue queue) {
        Attachment current = attachment;
        int hole = current.indexOf(queue);
        if (hole < 0) {
            return;
        }
        int left = current.queues().length - 1;
        EmulatedQueue[] fewer = Arrays.copyOf(current.queues(), left);
        if (hole < left) {
            fewer[hole] = current.queues()[left];
        }
        attachment = current.withQueues(fewer);
        senders.synchronize();
        // The kernel's number is one too high, so flows of a queue that went remain and, having nowhere to go, hit
        // queue 0.
        flows.forgetQueue(left + 1);
        queue.purge();
    }

    @Override
    public int attachedQueues() {
        return attachment.queues().length;
    }

    /**
     * The number by which steering knows a queue at present. It equals {@code index} as long as queues are attached and
     * detached by {@link #setAttachedQueues} only.
     *
     * @return -1 while the queue is detached
     */
    public int steeringIndex(int index) {
        return attachment.indexOf(queues[index]);
    }

    /**
     * Lets a BPF program choose queues in the place of automatic steering. Like the kernel, a device with one attached queue
     * does not run it.
     *
     * @param program returns the queue: its low 16 bits, modulo the number of attached queues
     */
    public void setSteering(VmProgram program) {
        setSteering(new ProgramChooser(program));
    }

    /** The same with a chooser; see {@link QueueChooser}. */
    public void setSteering(QueueChooser chooser) {
        Objects.requireNonNull(chooser, "chooser");
        change(current -> current.withChooser(chooser));
    }

    /** Back to automatic steering: by the flow's hash, following the queue on which the flow's frames come back. */
    public void clearSteering() {
        change(current -> current.withChooser(null));
    }

    /**
     * The ioctls of {@link VnetHashIoctls}: RSS by the device itself. They take the place of a steering program, as a
     * program takes theirs.
     *
     * @param request one of the four numbers
     * @param argument what the call's pointer points to, up to the end of what may be read
     * @return 0 or a negated errno
     */
    public int ioctl(long request, MemorySegment argument) {
        return VnetHash.ioctl(request, argument, options.hashTypes(), next -> {
            QueueChooser chooser = VnetHashChooser.of(next);
            change(current -> current.withChooser(chooser));
        });
    }

    /**
     * Asks for the queue of a frame that is not sent, and forgets its hash: for tools that show or measure a choice.
     *
     * @return the queue's number, or -1 if no queue is attached
     */
    public int chooseQueue(byte[] frame, int offset, int lengthBytes, FrameInfo info) {
        Objects.checkFromIndexSize(offset, lengthBytes, frame.length);
        Sender mine = sender.get();
        int use = senders.enter();
        try {
            return mine.chooseOnly(attachment, frame, offset, lengthBytes, info);
        } finally {
            senders.exit(use);
        }
    }

    /**
     * Lets a BPF program decide how many bytes of every frame get into the queue; 0 drops it.
     *
     * @param program of the type SOCKET_FILTER
     */
    public void setFilter(VmProgram program) {
        setFilter(new ProgramFilter(program));
    }

    /** The same with a filter; see {@link PacketFilter}. */
    public void setFilter(PacketFilter filter) {
        Objects.requireNonNull(filter, "filter");
        change(current -> current.withFilter(filter));
    }

    /** Removes the filter. */
    public void clearFilter() {
        change(current -> current.withFilter(null));
    }

    /** Takes the interface up or down. While it is down neither side can send. Up at first. */
    public void setUp(boolean up) {
        change(current -> current.withUp(up));
    }

    /**
     * Returns when every steering and every filtering that had begun has ended: what a program may have seen of its maps
     * before is in use no more. Not from a chooser or a filter.
     */
    public void synchronizeSenders() {
        senders.synchronize();
    }

    private synchronized void change(UnaryOperator<Attachment> by) {
        if (attachment.removed()) {
            return;
        }
        attachment = by.apply(attachment);
        senders.synchronize();
    }

    /** Removes the interface under its users, as {@code ip link del} does: everything answers that it is gone. */
    public synchronized void remove() {
        attachment = attachment.gone();
        senders.synchronize();
        for (EmulatedQueue queue : queues) {
            queue.purge();
            queue.wake();
        }
    }

    @Override
    public void close() {
        remove();
    }

    Attachment attachment() {
        return attachment;
    }

    DeviceStats stats() {
        return stats;
    }

    int fromHost(byte[] frame, int offset, int lengthBytes, FrameInfo info) {
        Sender mine = sender.get();
        int use = senders.enter();
        try {
            return mine.send(attachment, frame, offset, lengthBytes, info);
        } finally {
            senders.exit(use);
        }
    }

    /** The guest sent a frame; loop of the queue. */
    void fromGuest(EmulatedQueue queue, Attachment current, byte[] data, int lengthBytes, FrameInfo info) {
        host.deliver(queue.index(), data, lengthBytes, info);
        // As tun_get_user: flows are learned only where they are of use, from the queue's number, after the host had
        // the frame.
        if (current.chooser() != null || current.queues().length < 2) {
            return;
        }
        int number = current.indexOf(queue);
        if (number >= 0) {
            flows.learn(flowHash.of(data, 0, lengthBytes), number, System.nanoTime());
            if (!ageing.get() && ageing.compareAndSet(false, true)) {
                ageLater();
            }
        }
    }

    private void ageLater() {
        CompletableFuture.delayedExecutor(FlowTable.AGEING_NS, TimeUnit.NANOSECONDS)
                .execute(this::age);
    }

    private void age() {
        if (attachment.removed()) {
            return;
        }
        if (flows.age(System.nanoTime())) {
            ageLater();
        } else {
            // Whoever learns a flow from now on starts the clock again.
            ageing.set(false);
            if (flows.size() > 0 && ageing.compareAndSet(false, true)) {
                ageLater();
            }
        }
    }

    int flowHash(byte[] data, int offset, int lengthBytes) {
        return flowHash.of(data, offset, lengthBytes);
    }

    int automaticQueue(byte[] data, int offset, int lengthBytes, int attached) {
        int hash = flowHash.of(data, offset, lengthBytes);
        int queue = flows.find(hash);
        if (queue == FlowTable.NO_QUEUE) {
            return (int) ((hash & 0xFFFFFFFFL) * attached >>> 32);
        }
        // netdev_cap_txqueue sends what would go to a queue that is not there to the first one.
        return queue < attached ? queue : 0;
    }

    @Override
    public String toString() {
        return "emulated TAP " + name() + " with " + queues.length + " queues";
    }
}
