// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.control;

import dev.ringtap.guest.channel.ReadinessHandle;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.BufferList;
import dev.ringtap.guest.ring.DeviceFaultException;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.linux.posix.NativeException;
import io.netty.channel.IoEventLoop;
import io.netty.channel.epoll.EpollIoOps;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/**
 * Sends commands on the control virtqueue. VIRTIO 1.3, 5.1.6.5 Control Virtqueue: {@code u8 class; u8 command; data;
 * u8 ack}, all little-endian.
 *
 * <p>Each method returns at once; its future holds the ack byte, {@link #OK} or {@link #ERR}, or whatever else the
 * device wrote, {@link #NOT_WRITTEN} if it wrote none. Commands go out in the order of the calls; a few may be with the
 * device together. The future fails if the guest closes or the device breaks the ring. Nothing that is sent is
 * checked: a wrong command is the caller's to send. Any thread; futures complete on the event loop, so do not block in
 * what depends on them there.
 */
public final class ControlQueueClient {
    /** VIRTIO_NET_OK. */
    public static final int OK = 0;
    /** VIRTIO_NET_ERR. */
    public static final int ERR = 1;
    /** The ack byte was left as it was. */
    public static final int NOT_WRITTEN = 0xFF;

    /** VIRTIO_NET_CTRL_RX_*: what {@link #setReceiveMode} takes. */
    public static final int RX_PROMISC = 0;

    public static final int RX_ALLMULTI = 1;
    public static final int RX_ALLUNI = 2;
    public static final int RX_NOMULTI = 3;
    public static final int RX_NOUNI = 4;
    public static final int RX_NOBCAST = 5;

    private static final int CLASS_RX = 0;
    private static final int CLASS_MAC = 1;
    private static final int MAC_TABLE_SET = 0;
    private static final int MAC_ADDR_SET = 1;
    private static final int CLASS_VLAN = 2;
    private static final int VLAN_ADD = 0;
    private static final int VLAN_DEL = 1;
    private static final int CLASS_ANNOUNCE = 3;
    private static final int ANNOUNCE_ACK = 0;
    private static final int CLASS_MQ = 4;
    private static final int MQ_VQ_PAIRS_SET = 0;
    private static final int MQ_RSS_CONFIG = 1;
    private static final int MQ_HASH_CONFIG = 2;
    private static final int CLASS_GUEST_OFFLOADS = 5;
    private static final int GUEST_OFFLOADS_SET = 0;

    /** The longest RSS_CONFIG there can be: 65,536 table entries and a key of 255 bytes; and some. */
    private static final int MAX_REQUEST_BYTES = 136 * 1024;

    /** Commands that may be with the device together. */
    private static final int SLOTS = 4;

    private static final int NO_SLOT = -1;

    private final Vring vring;
    private final DriverVirtqueue queue;
    private final GuestRam ram;
    private final IoEventLoop loop;
    private final Consumer<Throwable> onFault;
    private final ReadinessHandle handle;
    private final BufferList elements = new BufferList();
    private final ArrayDeque<Command> waiting = new ArrayDeque<>();
    private final Command[] commandInSlot = new Command[SLOTS];
    private final int[] slotOfHead;
    private final long requests;
    private final long acks;
    private Throwable closed;

    private record Command(byte[] request, int[] splits, CompletableFuture<Integer> ack) {}

    /**
     * @param vring the control virtqueue
     * @param onFault hears on the loop's thread that the device broke the ring
     */
    public ControlQueueClient(Vring vring, GuestRam ram, IoEventLoop loop, Consumer<Throwable> onFault) {
        this.vring = vring;
        this.queue = vring.queue();
        this.ram = ram;
        this.loop = loop;
        this.onFault = onFault;
        handle = new ReadinessHandle(vring.callFd().fd().number(), EpollIoOps.EPOLLIN, this::called, this::fail);
        slotOfHead = new int[queue.size()];
        requests = ram.allocate((long) SLOTS * MAX_REQUEST_BYTES, 16);
        acks = ram.allocate(SLOTS, 1);
    }

    /** Guest memory that it takes beside its ring. */
    public static long memoryBytes() {
        return (long) SLOTS * (MAX_REQUEST_BYTES + 1) + 16;
    }

    /** Begins to hear of used commands. */
    public void start() {
        loop.execute(() -> handle.register(loop));
    }

    // ---- Commands

    /** MQ_VQ_PAIRS_SET: automatic steering among the first {@code pairs} queue pairs. */
    public CompletableFuture<Integer> setQueuePairs(int pairs) {
        return raw(command(CLASS_MQ, MQ_VQ_PAIRS_SET, 2).putShort((short) pairs).array());
    }

    /**
     * MQ_RSS_CONFIG. VIRTIO 1.3, 5.1.6.5.7.1 Setting RSS parameters.
     *
     * @param hashTypes VIRTIO_NET_HASH_TYPE_* bits
     * @param mask table length less 1
     * @param unclassified queue pair, from 0
     * @param table queue pairs, from 0; all of it is sent, whatever the mask says
     * @param maxTx number of transmit queues
     * @param key at most 255 bytes
     */
    public CompletableFuture<Integer> setRss(
            int hashTypes, int mask, int unclassified, int[] table, int maxTx, byte[] key) {
        ByteBuffer data = command(CLASS_MQ, MQ_RSS_CONFIG, 4 + 2 + 2 + 2 * table.length + 2 + 1 + key.length);
        data.putInt(hashTypes).putShort((short) mask).putShort((short) unclassified);
        for (int entry : table) {
            data.putShort((short) entry);
        }
        return raw(data.putShort((short) maxTx).put((byte) key.length).put(key).array());
    }

    /** MQ_HASH_CONFIG: hash report under automatic steering. */
    public CompletableFuture<Integer> setHash(int hashTypes, byte[] key) {
        // Four reserved 16-bit words stand where RSS_CONFIG has its table.
        ByteBuffer data = command(CLASS_MQ, MQ_HASH_CONFIG, 4 + 8 + 1 + key.length);
        return raw(data.putInt(hashTypes)
                .putLong(0)
                .put((byte) key.length)
                .put(key)
                .array());
    }

    /** @param mode one of RX_PROMISC … RX_NOBCAST */
    public CompletableFuture<Integer> setReceiveMode(int mode, boolean on) {
        return raw(command(CLASS_RX, mode, 1).put((byte) (on ? 1 : 0)).array());
    }

    /** MAC_ADDR_SET. */
    public CompletableFuture<Integer> setMac(byte[] mac) {
        return raw(command(CLASS_MAC, MAC_ADDR_SET, mac.length).put(mac).array());
    }

    /** MAC_TABLE_SET: two tables of 6-byte addresses. */
    public CompletableFuture<Integer> setMacTable(List<byte[]> unicast, List<byte[]> multicast) {
        ByteBuffer data = command(CLASS_MAC, MAC_TABLE_SET, 8 + 6 * (unicast.size() + multicast.size()));
        for (List<byte[]> table : List.of(unicast, multicast)) {
            data.putInt(table.size());
            table.forEach(data::put);
        }
        return raw(data.array());
    }

    public CompletableFuture<Integer> addVlan(int vlanId) {
        return raw(command(CLASS_VLAN, VLAN_ADD, 2).putShort((short) vlanId).array());
    }

    public CompletableFuture<Integer> removeVlan(int vlanId) {
        return raw(command(CLASS_VLAN, VLAN_DEL, 2).putShort((short) vlanId).array());
    }

    public CompletableFuture<Integer> acknowledgeAnnouncement() {
        return raw(command(CLASS_ANNOUNCE, ANNOUNCE_ACK, 0).array());
    }

    /** GUEST_OFFLOADS_SET. @param offloads feature bits GUEST_CSUM, GUEST_TSO4 and so on */
    public CompletableFuture<Integer> setGuestOffloads(long offloads) {
        return raw(command(CLASS_GUEST_OFFLOADS, GUEST_OFFLOADS_SET, 8)
                .putLong(offloads)
                .array());
    }

    private static ByteBuffer command(int commandClass, int command, int dataBytes) {
        return ByteBuffer.allocate(2 + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) commandClass)
                .put((byte) command);
    }

    /**
     * Sends any bytes as a command.
     *
     * @param classCommandData all device-readable bytes; none at all sends a chain with the ack alone
     * @param descriptorSplits lengths of the first descriptors; the rest goes into one more. Without any: class and
     *     command, then the data, as most drivers do it. The ack has a descriptor of its own
     * @throws IllegalArgumentException if the request is too long, or the splits exceed it
     */
    public CompletableFuture<Integer> raw(byte[] classCommandData, int... descriptorSplits) {
        if (classCommandData.length > MAX_REQUEST_BYTES) {
            throw new IllegalArgumentException(
                    "a command of %d bytes: at most %d".formatted(classCommandData.length, MAX_REQUEST_BYTES));
        }
        int[] splits = descriptorSplits.length > 0
                ? descriptorSplits.clone()
                : new int[] {Math.min(2, classCommandData.length)};
        int total = 0;
        for (int split : splits) {
            if (split < 0 || (total += split) > classCommandData.length) {
                throw new IllegalArgumentException(
                        "splits %s of %d bytes".formatted(Arrays.toString(splits), classCommandData.length));
            }
        }
        Command command = new Command(classCommandData.clone(), splits, new CompletableFuture<>());
        try {
            loop.execute(() -> submit(command));
        } catch (RejectedExecutionException e) {
            command.ack().completeExceptionally(new ClosedChannelException());
        }
        return command.ack();
    }

    // ---- The ring, on the loop's thread

    private void submit(Command command) {
        if (closed != null) {
            command.ack().completeExceptionally(closed);
            return;
        }
        waiting.add(command);
        try {
            sendWaiting();
        } catch (NativeException e) {
            fail(e);
        }
    }

    private void sendWaiting() throws NativeException {
        for (Command command; (command = waiting.peek()) != null; ) {
            int slot = freeSlot();
            if (slot == NO_SLOT) {
                break;
            }
            describe(command, slot);
            int head = queue.add(elements);
            if (head == DriverVirtqueue.NONE) {
                if (queue.outstanding() == 0) {
                    waiting.remove();
                    command.ack()
                            .completeExceptionally(
                                    new IllegalArgumentException("a command of %d descriptors in a ring of %d"
                                            .formatted(elements.count(), queue.size())));
                    continue;
                }
                break;
            }
            waiting.remove();
            slotOfHead[head] = slot;
            commandInSlot[slot] = command;
        }
        vring.publishAndKick();
    }

    private int freeSlot() {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (commandInSlot[slot] == null) {
                return slot;
            }
        }
        return NO_SLOT;
    }

    private void describe(Command command, int slot) {
        long at = requests + (long) slot * MAX_REQUEST_BYTES;
        byte[] request = command.request();
        MemorySegment.copy(request, 0, ram.segment(), ValueLayout.JAVA_BYTE, at, request.length);
        ram.segment().set(ValueLayout.JAVA_BYTE, acks + slot, (byte) NOT_WRITTEN);
        elements.clear();
        long guestAddress = ram.guestAddress(at);
        int done = 0;
        for (int split : command.splits()) {
            if (split > 0) {
                elements.readable(guestAddress + done, split);
            }
            done += split;
        }
        if (done < request.length) {
            elements.readable(guestAddress + done, request.length - done);
        }
        elements.writable(ram.guestAddress(acks + slot), 1);
    }

    private void called() throws DeviceFaultException, NativeException {
        vring.drainCall();
        do {
            queue.disableCalls();
            for (int head; (head = queue.pollUsed()) != DriverVirtqueue.NONE; ) {
                int slot = slotOfHead[head];
                Command command = commandInSlot[slot];
                int ack = ram.segment().get(ValueLayout.JAVA_BYTE, acks + slot) & 0xFF;
                // What lies beyond the used length is not the device's word (VIRTIO 1.3, 2.7.8.2).
                int said = queue.lastUsedLength() >= 1 ? ack : NOT_WRITTEN;
                commandInSlot[slot] = null;
                command.ack().complete(said);
            }
        } while (queue.enableCalls());
        sendWaiting();
    }

    private void fail(Throwable cause) {
        close(cause);
        onFault.accept(cause);
    }

    /** Fails all futures and takes no more commands. Any thread; done when the returned future is. */
    public CompletableFuture<Void> close() {
        try {
            return CompletableFuture.runAsync(() -> close(new ClosedChannelException()), loop);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.completedFuture(null);
        }
    }

    private void close(Throwable cause) {
        if (closed != null) {
            return;
        }
        closed = cause;
        handle.cancel();
        for (int slot = 0; slot < SLOTS; slot++) {
            if (commandInSlot[slot] != null) {
                commandInSlot[slot].ack().completeExceptionally(cause);
                commandInSlot[slot] = null;
            }
        }
        waiting.forEach(command -> command.ack().completeExceptionally(cause));
        waiting.clear();
    }

    @Override
    public String toString() {
        return "ControlQueueClient[" + vring + "]";
    }
}
