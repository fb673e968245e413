// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.memory.SharedMapping;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.socket.UnixConnection;
import dev.ringtap.linux.socket.UnixListener;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToIntFunction;

/**
 * A vhost-user network back-end for tests: what is transmitted on pair q is received on pair q. Written from the texts
 * of vhost-user and VIRTIO with plain byte offsets; nothing of the driver's code is used. One thread does everything
 * and looks at the socket and the kicks every fraction of a millisecond.
 */
final class BackEndDouble implements AutoCloseable {
    private static final int CONFIG_BYTES = 24;
    private static final VarHandle U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    /** Settings; to be changed before a guest connects, unless volatile. */
    long features = bits(0, 1, 2, 3, 5, 7, 8, 11, 12, 15, 16, 17, 18, 20, 22, 23, 28, 29, 30, 32, 56, 57, 60);

    long protocolFeatures = bits(0, 3, 9, 16);
    int queuePairs = 4;
    byte[] mac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    final Set<Integer> refused = new HashSet<>();
    volatile boolean transmitStopped;
    volatile boolean featuresNotOk;
    volatile boolean silent;
    /** Written over the header of each received packet from byte 10 on, if not null. */
    volatile byte[] headerTail;
    /** Answers commands: class, command, data. */
    volatile ToIntFunction<byte[]> control = command -> 0;

    /** What was seen. */
    final List<Integer> requests = new CopyOnWriteArrayList<>();

    final List<byte[]> commands = new CopyOnWriteArrayList<>();
    final List<byte[]> transmittedHeaders = new CopyOnWriteArrayList<>();
    final List<Integer> chainLengths = new CopyOnWriteArrayList<>();
    final Map<Integer, Integer> basesReturned = Collections.synchronizedMap(new TreeMap<>());
    volatile long ackedFeatures;
    volatile Throwable failure;
    volatile int status;

    /** Work for the device's thread. */
    final ConcurrentLinkedQueue<Work> work = new ConcurrentLinkedQueue<>();

    interface Work {
        void run(BackEndDouble device) throws Exception;
    }

    private final UnixListener listener;
    private final Thread thread;
    private final List<Region> regions = new ArrayList<>();
    private final Map<Integer, Ring> rings = new HashMap<>();
    private volatile boolean stopped;
    private volatile boolean hangUp;

    private record Region(long gpa, long size, long user, SharedMapping mapping) {}

    static final class Ring {
        int index;
        int size;
        int base;
        long desc;
        long avail;
        long used;
        EventFd kick;
        EventFd call;
        OwnedFd err;
        boolean enabled;
        boolean started;
        int lastAvail;
        int usedIndex;
        int usedCalled;
        final ArrayDeque<byte[]> backlog = new ArrayDeque<>();
    }

    private record Piece(MemorySegment memory, boolean writable) {}

    BackEndDouble(Path socket) throws IOException {
        listener = UnixListener.bind(socket);
        thread = Thread.ofPlatform().daemon().name("back-end double").unstarted(this::run);
    }

    /** Begins to accept; settings are made by now. */
    void start() {
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
    }

    static long bits(int... bits) {
        long mask = 0;
        for (int bit : bits) {
            mask |= 1L << bit;
        }
        return mask;
    }

    /** Drops the connection as a dying back-end would. */
    void hangUp() {
        hangUp = true;
    }

    private boolean acked(int bit) {
        return (ackedFeatures >>> bit & 1) != 0;
    }

    private void run() {
        try {
            while (!stopped) {
                UnixConnection connection = listener.accept();
                if (connection == null) {
                    LockSupport.parkNanos(200_000);
                    continue;
                }
                try (connection) {
                    serve(connection);
                } finally {
                    forget();
                }
            }
        } catch (Throwable t) {
            failure = t;
            forget();
        }
    }

    private void serve(UnixConnection connection) throws Exception {
        connection.fd().setNonBlocking(true);
        ByteBuffer message = ByteBuffer.allocate(8192).order(ByteOrder.nativeOrder());
        List<OwnedFd> fds = new ArrayList<>();
        while (!stopped && !hangUp) {
            // Never beyond the message at hand: descriptors must not mix with those of the next.
            int end = message.position() < 12 ? 12 : 12 + message.getInt(8);
            int wanted = end - message.position();
            int count = wanted == 0 ? 0 : connection.receive(message.array(), message.position(), wanted, fds);
            if (count == 0 && wanted > 0) {
                return;
            }
            if (count < 0 && count != -Errno.EAGAIN) {
                throw new IllegalStateException("receive " + count);
            }
            message.position(message.position() + Math.max(0, count));
            if (message.position() >= 12 && message.position() == 12 + message.getInt(8)) {
                byte[] payload = Arrays.copyOfRange(message.array(), 12, message.position());
                message.clear();
                handle(connection, message.getInt(0), message.getInt(4), payload, fds);
                continue;
            }
            for (Work item; (item = work.poll()) != null; ) {
                item.run(this);
            }
            boolean busy = false;
            for (Ring ring : rings.values()) {
                busy |= poll(ring);
            }
            if (!busy) {
                LockSupport.parkNanos(200_000);
            }
        }
    }

    private void forget() {
        for (Ring ring : rings.values()) {
            if (ring.kick != null) {
                ring.kick.close();
            }
            if (ring.call != null) {
                ring.call.close();
            }
            if (ring.err != null) {
                ring.err.close();
            }
        }
        rings.clear();
        regions.forEach(region -> region.mapping().close());
        regions.clear();
        hangUp = false;
    }

    // ---- Messages

    private void handle(UnixConnection connection, int request, int flags, byte[] payload, List<OwnedFd> fds)
            throws Exception {
        requests.add(request);
        if ((flags & 3) != 1 || (flags & 4) != 0) {
            throw new IllegalStateException("flags " + flags);
        }
        if (silent) {
            return;
        }
        ByteBuffer body = ByteBuffer.wrap(payload).order(ByteOrder.nativeOrder());
        byte[] reply = null;
        switch (request) {
            case 1 -> reply = u64(features);
            case 2 -> ackedFeatures = body.getLong(0);
            case 3, 16 -> {}
            case 5 -> setMemTable(body, fds);
            case 8 -> ring(body.getInt(0)).size = body.getInt(4);
            case 9 -> {
                Ring ring = ring(body.getInt(0));
                ring.desc = body.getLong(8);
                ring.used = body.getLong(16);
                ring.avail = body.getLong(24);
            }
            case 10 -> ring(body.getInt(0)).base = body.getInt(4);
            case 11 -> {
                Ring ring = ring(body.getInt(0));
                ring.started = false;
                basesReturned.put(ring.index, ring.lastAvail & 0xFFFF);
                reply = ByteBuffer.allocate(8)
                        .order(ByteOrder.nativeOrder())
                        .putInt(ring.index)
                        .putInt(ring.lastAvail & 0xFFFF)
                        .array();
            }
            case 12 -> ring((int) body.getLong(0) & 0xFF).kick = EventFd.adopt(fds.removeFirst());
            case 13 -> ring((int) body.getLong(0) & 0xFF).call = EventFd.adopt(fds.removeFirst());
            case 14 -> ring((int) body.getLong(0) & 0xFF).err = fds.removeFirst();
            case 15 -> reply = u64(protocolFeatures);
            case 17 -> reply = u64(queuePairs);
            case 18 -> ring(body.getInt(0)).enabled = body.getInt(4) == 1;
            case 24 -> {
                reply = payload.clone();
                int offset = body.getInt(0);
                System.arraycopy(config(), offset, reply, 12, body.getInt(4));
            }
            case 39 -> status = (int) body.getLong(0);
            case 40 -> reply = u64(featuresNotOk ? status & ~8 : status);
            default -> throw new IllegalStateException("request " + request);
        }
        if (!fds.isEmpty()) {
            throw new IllegalStateException(fds.size() + " descriptors too many with request " + request);
        }
        if (reply == null && (flags & 8) != 0) {
            reply = u64(refused.contains(request) ? 1 : 0);
        }
        if (reply != null) {
            ByteBuffer message = ByteBuffer.allocate(12 + reply.length).order(ByteOrder.nativeOrder());
            message.putInt(request).putInt(1 | 4).putInt(reply.length).put(reply);
            connection.send(message.array(), 0, message.capacity());
        }
    }

    private byte[] config() {
        return ByteBuffer.allocate(CONFIG_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(mac)
                .putShort((short) 1)
                .putShort((short) queuePairs)
                .putShort((short) 1500)
                .putInt(10_000)
                .put((byte) 1)
                .put((byte) 40)
                .putShort((short) 128)
                .putInt(0x1FF)
                .array();
    }

    private static byte[] u64(long value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.nativeOrder())
                .putLong(value)
                .array();
    }

    private void setMemTable(ByteBuffer body, List<OwnedFd> fds) throws IOException {
        int count = body.getInt(0);
        if (fds.size() != count) {
            throw new IllegalStateException(count + " regions, " + fds.size() + " descriptors");
        }
        for (int i = 0; i < count; i++) {
            int at = 8 + 32 * i;
            long size = body.getLong(at + 8);
            OwnedFd fd = fds.removeFirst();
            SharedMapping mapping = SharedMapping.map(fd.number(), body.getLong(at + 24), size);
            fd.close();
            regions.add(new Region(body.getLong(at), size, body.getLong(at + 16), mapping));
        }
    }

    Ring ring(int index) {
        return rings.computeIfAbsent(index, i -> {
            Ring ring = new Ring();
            ring.index = i;
            return ring;
        });
    }

    // ---- Memory

    private List<Piece> byGpa(long gpa, long length, boolean writable) {
        List<Piece> pieces = new ArrayList<>();
        while (length > 0) {
            boolean found = false;
            for (Region region : regions) {
                long offset = gpa - region.gpa();
                if (offset >= 0 && offset < region.size()) {
                    long here = Math.min(length, region.size() - offset);
                    pieces.add(new Piece(region.mapping().segment().asSlice(offset, here), writable));
                    gpa += here;
                    length -= here;
                    found = true;
                    break;
                }
            }
            if (!found) {
                throw new IllegalStateException("gpa " + Long.toHexString(gpa) + " is in no region");
            }
        }
        return pieces;
    }

    private MemorySegment byUser(long user, long length) {
        for (Region region : regions) {
            long offset = user - region.user();
            if (offset >= 0 && offset + length <= region.size()) {
                return region.mapping().segment().asSlice(offset, length);
            }
        }
        throw new IllegalStateException("user address " + Long.toHexString(user) + " is in no region");
    }

    private static int u16(MemorySegment memory, long at) {
        return (short) U16.getVolatile(memory, at) & 0xFFFF;
    }

    // ---- Rings

    private MemorySegment avail(Ring ring) {
        return byUser(ring.avail, 6 + 2L * ring.size);
    }

    private MemorySegment used(Ring ring) {
        return byUser(ring.used, 6 + 8L * ring.size);
    }

    private boolean poll(Ring ring) throws Exception {
        if (ring.kick != null && ring.kick.drain() > 0 && !ring.started) {
            ring.started = true;
            ring.lastAvail = ring.base;
            ring.usedIndex = u16(used(ring), 2);
            ring.usedCalled = ring.usedIndex;
        }
        if (!ring.started || !ring.enabled && acked(30)) {
            return false;
        }
        boolean many = acked(22) || acked(60);
        boolean control = acked(17) && ring.index == 2 * (many ? queuePairs : 1);
        boolean busy = false;
        if (control) {
            busy = serveControl(ring);
        } else if (ring.index % 2 == 1) {
            busy = serveTransmit(ring);
        } else {
            busy = serveReceive(ring);
        }
        if (acked(29)) {
            U16.setVolatile(used(ring), 4 + 8L * ring.size, (short) ring.lastAvail);
            // A chain that came before this was written brings no kick.
            busy |= ring.index % 2 == 1 && !transmitStopped && pending(ring) > 0;
        }
        return busy;
    }

    int pending(Ring ring) {
        return u16(avail(ring), 2) - ring.lastAvail & 0xFFFF;
    }

    private int takeHead(Ring ring) {
        int head = u16(avail(ring), 4 + 2L * (ring.lastAvail % ring.size));
        ring.lastAvail = ring.lastAvail + 1 & 0xFFFF;
        return head;
    }

    private List<Piece> chain(Ring ring, int head) {
        List<Piece> pieces = new ArrayList<>();
        MemorySegment table = byUser(ring.desc, 16L * ring.size);
        int descriptors = 0;
        for (int i = head; ; ) {
            ByteBuffer entry = table.asSlice(16L * i, 16).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
            int flags = entry.getShort(12);
            if ((flags & 4) != 0) {
                if (!acked(28) || (flags & 1) != 0) {
                    throw new IllegalStateException("indirect descriptor with flags " + flags);
                }
                List<Piece> whole = byGpa(entry.getLong(0), entry.getInt(8), false);
                byte[] copy = new byte[entry.getInt(8)];
                int at = 0;
                for (Piece piece : whole) {
                    MemorySegment.copy(
                            piece.memory(),
                            0,
                            MemorySegment.ofArray(copy),
                            at,
                            piece.memory().byteSize());
                    at += (int) piece.memory().byteSize();
                }
                table = MemorySegment.ofArray(copy);
                i = 0;
                continue;
            }
            descriptors++;
            pieces.addAll(byGpa(entry.getLong(0), entry.getInt(8), (flags & 2) != 0));
            if ((flags & 1) == 0) {
                chainLengths.add(descriptors);
                return pieces;
            }
            i = entry.getShort(14) & 0xFFFF;
        }
    }

    void use(Ring ring, int head, int length) {
        MemorySegment used = used(ring);
        ByteBuffer entry = used.asSlice(4 + 8L * (ring.usedIndex % ring.size), 8)
                .asByteBuffer()
                .order(ByteOrder.LITTLE_ENDIAN);
        entry.putInt(head).putInt(length);
        ring.usedIndex = ring.usedIndex + 1 & 0xFFFF;
    }

    void publish(Ring ring) throws IOException {
        MemorySegment used = used(ring);
        U16.setVolatile(used, 2, (short) ring.usedIndex);
        VarHandle.fullFence();
        MemorySegment avail = avail(ring);
        boolean call;
        if (acked(29)) {
            // Is used_event one of the indexes just passed?
            int event = u16(avail, 4 + 2L * ring.size);
            call = false;
            for (int i = ring.usedCalled; i != ring.usedIndex; i = i + 1 & 0xFFFF) {
                call |= i == event;
            }
        } else {
            call = ring.usedCalled != ring.usedIndex && (u16(avail, 0) & 1) == 0;
        }
        ring.usedCalled = ring.usedIndex;
        if (call) {
            ring.call.signal();
        }
    }

    private static byte[] gather(List<Piece> pieces, boolean writable) {
        int size = 0;
        for (Piece piece : pieces) {
            size += piece.writable() == writable ? (int) piece.memory().byteSize() : 0;
        }
        ByteBuffer all = ByteBuffer.allocate(size);
        for (Piece piece : pieces) {
            if (piece.writable() == writable) {
                all.put(piece.memory().asByteBuffer());
            }
        }
        return all.array();
    }

    private static void scatter(List<Piece> pieces, byte[] from, int offset, int length) {
        for (Piece piece : pieces) {
            if (piece.writable() && length > 0) {
                int here = (int) Math.min(length, piece.memory().byteSize());
                MemorySegment.copy(from, offset, piece.memory(), ValueLayout.JAVA_BYTE, 0, here);
                offset += here;
                length -= here;
            }
        }
        if (length > 0) {
            throw new IllegalStateException(length + " bytes do not fit");
        }
    }

    private boolean serveControl(Ring ring) throws IOException {
        boolean any = false;
        while (pending(ring) > 0) {
            int head = takeHead(ring);
            List<Piece> chain = chain(ring, head);
            byte[] command = gather(chain, false);
            commands.add(command);
            int ack = control.applyAsInt(command);
            if (ack >= 0) {
                scatter(chain, new byte[] {(byte) ack}, 0, 1);
            }
            use(ring, head, ack >= 0 ? 1 : 0);
            any = true;
        }
        publish(ring);
        return any;
    }

    private int headerBytes() {
        return acked(57) ? 20 : acked(32) || acked(15) ? 12 : 10;
    }

    private boolean serveTransmit(Ring ring) throws IOException {
        boolean any = false;
        while (!transmitStopped && pending(ring) > 0) {
            int head = takeHead(ring);
            byte[] packet = gather(chain(ring, head), false);
            transmittedHeaders.add(Arrays.copyOf(packet, headerBytes()));
            ring(ring.index - 1).backlog.add(packet);
            use(ring, head, 0);
            any = true;
        }
        publish(ring);
        return any;
    }

    private boolean serveReceive(Ring ring) throws IOException {
        boolean any = false;
        for (byte[] packet; (packet = ring.backlog.peek()) != null; any = true) {
            if (!deliver(ring, packet)) {
                break;
            }
            ring.backlog.remove();
        }
        publish(ring);
        return any;
    }

    /** Puts header and frame into as many buffers as it takes; false if too few are there. */
    private boolean deliver(Ring ring, byte[] packet) {
        int lastAvail = ring.lastAvail;
        List<Integer> heads = new ArrayList<>();
        List<List<Piece>> chains = new ArrayList<>();
        List<Integer> rooms = new ArrayList<>();
        int room = 0;
        while (room < packet.length) {
            if (pending(ring) == 0) {
                ring.lastAvail = lastAvail;
                return false;
            }
            heads.add(takeHead(ring));
            chains.add(chain(ring, heads.getLast()));
            rooms.add(gather(chains.getLast(), true).length);
            room += rooms.getLast();
        }
        byte[] out = packet.clone();
        ByteBuffer header = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
        if (headerBytes() >= 12) {
            header.putShort(10, (short) heads.size());
        }
        if (headerBytes() == 20) {
            header.putInt(12, 0x01020304).putShort(16, (short) 2).putShort(18, (short) 0);
        }
        if (headerTail != null) {
            System.arraycopy(headerTail, 0, out, 10, headerTail.length);
        }
        int done = 0;
        for (int i = 0; i < heads.size(); i++) {
            int length = Math.min(rooms.get(i), out.length - done);
            scatter(chains.get(i), out, done, length);
            use(ring, heads.get(i), length);
            done += length;
        }
        return true;
    }

    @Override
    public void close() throws IOException {
        stopped = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new java.io.InterruptedIOException();
        }
        listener.close();
    }
}
