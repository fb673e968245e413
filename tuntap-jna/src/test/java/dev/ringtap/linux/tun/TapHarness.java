// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** A TAP in a namespace of its own, up and silent, with the host's side as a packet socket. */
final class TapHarness implements AutoCloseable {
    private static final int ROOM_BYTES = 128 * 1024;

    final NetworkNamespace namespace;
    final TapDevice tap;
    final PacketSocket host;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment buffer = arena.allocate(ROOM_BYTES);
    private final IovecArray iovecs = new IovecArray(2);

    TapHarness(int queues) throws Exception {
        this(NetworkNamespace.create(), () -> TapDevice.open(TapDevice.Options.of("tap0", queues)));
    }

    /** @param namespace closed with this object */
    TapHarness(NetworkNamespace namespace, Callable<TapDevice> opener) throws Exception {
        this.namespace = namespace;
        tap = namespace.call(() -> {
            var opened = opener.call();
            opened.link().disableIpv6();
            opened.link().setUp(true);
            return opened;
        });
        host = namespace.call(() -> PacketSocket.openWithHeader(tap.link().index()));
    }

    /** Sends a frame as the host. */
    void send(byte[] frame) throws NativeException {
        sendWithHeader(new byte[PacketSocket.HEADER_BYTES], frame);
    }

    private void sendWithHeader(byte[] header, byte[] frame) throws NativeException {
        var whole = Arrays.copyOf(header, header.length + frame.length);
        System.arraycopy(frame, 0, whole, header.length, frame.length);
        int sent = host.send(whole, whole.length);
        if (sent < 0) throw new AssertionError("the host could not send: " + Errno.name(-sent));
    }

    /** A queue's next frame behind its header, scattered over two pieces; null if the queue is empty. */
    byte[] poll(int queue) throws NativeException {
        return poll(tap.queue(queue));
    }

    private byte[] poll(TapQueue queue) throws NativeException {
        buffer.asSlice(0, TapDevice.HEADER_BYTES).fill((byte) 0xa5);
        iovecs.set(0, buffer.address(), TapDevice.HEADER_BYTES);
        iovecs.set(1, buffer.address() + TapDevice.HEADER_BYTES, ROOM_BYTES - TapDevice.HEADER_BYTES);
        long bytes = Posix.readv(queue.fd().number(), iovecs.address(), 2);
        if (bytes == -Errno.EAGAIN) return null;
        NativeException.check(bytes, "readv", "cannot read from " + queue);
        return buffer.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    /** The frames of all attached queues, by queue, as soon as there are {@code count} of them. */
    List<List<byte[]>> receive(int count) throws NativeException {
        var byQueue = new ArrayList<List<byte[]>>();
        for (int i = 0; i < tap.queueCount(); i++) byQueue.add(new ArrayList<>());
        long deadline = System.nanoTime() + 5_000_000_000L;
        int received = 0;
        while (received < count && System.nanoTime() < deadline) {
            int before = received;
            for (int i = 0; i < tap.queueCount(); i++) {
                if (!tap.queue(i).attached()) continue;
                for (byte[] frame = poll(i); frame != null; frame = poll(i)) {
                    byQueue.get(i).add(frame);
                    received++;
                }
            }
            if (received == before) LockSupport.parkNanos(100_000);
        }
        return byQueue;
    }

    /** Gives the host a frame, gathered from header and frame. */
    void write(int queue, byte[] frame) throws NativeException {
        buffer.asSlice(0, TapDevice.HEADER_BYTES).fill((byte) 0);
        MemorySegment.copy(frame, 0, buffer, ValueLayout.JAVA_BYTE, TapDevice.HEADER_BYTES, frame.length);
        iovecs.set(0, buffer.address(), TapDevice.HEADER_BYTES);
        iovecs.set(1, buffer.address() + TapDevice.HEADER_BYTES, frame.length);
        long bytes = Posix.writev(tap.queue(queue).fd().number(), iovecs.address(), 2);
        NativeException.check(bytes, "writev", "cannot write to queue " + queue);
    }

    /** What the host received, without the packet socket's header. */
    byte[] awaitAtHost() throws NativeException {
        var room = new byte[ROOM_BYTES];
        long deadline = System.nanoTime() + 5_000_000_000L;
        while (true) {
            int bytes = host.receive(room);
            if (bytes >= 0) return Arrays.copyOfRange(room, PacketSocket.HEADER_BYTES, bytes);
            if (System.nanoTime() > deadline) throw new AssertionError("the host received nothing");
            LockSupport.parkNanos(100_000);
        }
    }

    @Override
    public void close() {
        host.close();
        tap.close();
        namespace.close();
        iovecs.close();
        arena.close();
    }
}
