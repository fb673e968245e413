// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.ConstantProgram;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** The kernel's TAP in a namespace of its own; a packet socket is the host. */
final class KernelBed extends TapBed {
    private static final String NAME = "tap0";
    private static final int TUNSETVNETHDRSZ = 0x400454d8;

    private final NetworkNamespace namespace;
    private final TapDevice tap;
    private final PacketSocket host;
    private final byte[] room = new byte[PacketSocket.MAX_FRAME_BYTES];

    KernelBed(int queues, int queueLength, int headerBytes) throws Exception {
        super(headerBytes);
        namespace = NetworkNamespace.create();
        tap = namespace.call(() -> {
            var opened = TapDevice.open(TapDevice.Options.of(NAME, queues));
            opened.link().disableIpv6();
            opened.link().setTxQueueLength(queueLength);
            opened.link().setUp(true);
            return opened;
        });
        try (var arena = Arena.ofConfined()) {
            var size = arena.allocateFrom(ValueLayout.JAVA_INT, headerBytes);
            int result = Posix.ioctl(tap.queue(0).fd().number(), TUNSETVNETHDRSZ, size.address());
            NativeException.check(result, "ioctl TUNSETVNETHDRSZ", "cannot set the header's size");
        }
        host = namespace.call(() -> PacketSocket.openWithHeader(tap.link().index()));
    }

    @Override
    int readv(int queue, long iovecs, int count) {
        return (int) Posix.readv(tap.queue(queue).fd().number(), iovecs, count);
    }

    @Override
    int writev(int queue, long iovecs, int count) {
        return (int) Posix.writev(tap.queue(queue).fd().number(), iovecs, count);
    }

    @Override
    int send(byte[] frame, FrameInfo info) {
        var message = ByteBuffer.allocate(PacketSocket.HEADER_BYTES + frame.length)
                .order(ByteOrder.nativeOrder())
                .put((byte) info.flags())
                .put((byte) info.gsoType())
                .putShort((short) info.headerBytes())
                .putShort((short) info.gsoSize())
                .putShort((short) info.checksumStart())
                .putShort((short) info.checksumOffset())
                .put(frame);
        try {
            int sent = host.send(message.array(), message.position());
            return Math.min(sent, 0);
        } catch (NativeException e) {
            return -e.errno();
        }
    }

    @Override
    Received awaitAtHost() throws Exception {
        long deadline = System.nanoTime() + 5_000_000_000L;
        while (true) {
            int bytes = host.receive(room);
            if (bytes >= 0) {
                var header = ByteBuffer.wrap(room).order(ByteOrder.nativeOrder());
                return new Received(
                        Arrays.copyOfRange(room, PacketSocket.HEADER_BYTES, bytes),
                        header.get(0),
                        header.get(1) & 0xFF,
                        header.getShort(4) & 0xFFFF,
                        header.getShort(6) & 0xFFFF,
                        header.getShort(8) & 0xFFFF);
            }
            if (bytes != -Errno.EAGAIN || System.nanoTime() > deadline) {
                throw new AssertionError("the host received nothing: " + Errno.name(-bytes));
            }
            LockSupport.parkNanos(100_000);
        }
    }

    @Override
    void setOffloads(int tunFlags) throws Exception {
        tap.setOffloads(tunFlags);
    }

    @Override
    void setAttachedQueues(int count) throws Exception {
        tap.setAttachedQueues(count);
    }

    @Override
    void detachQueue(int index) throws Exception {
        tap.queue(index).detach();
    }

    @Override
    void attachQueue(int index) throws Exception {
        tap.queue(index).attach();
    }

    @Override
    void steerTo(int answer) throws Exception {
        try (OwnedFd program = ConstantProgram.load(answer)) {
            tap.setSteering(program.number());
        }
    }

    @Override
    void clearSteering() throws Exception {
        tap.clearSteering();
    }

    @Override
    void filter(int answer) throws Exception {
        try (OwnedFd program = ConstantProgram.load(answer)) {
            tap.setFilter(program.number());
        }
    }

    @Override
    void setUp(boolean up) throws Exception {
        namespace.run(() -> tap.link().setUp(up));
    }

    @Override
    void remove() throws Exception {
        namespace.run(() -> {
            try (var link = LinkConfig.open(NAME)) {
                link.delete();
            }
        });
    }

    @Override
    boolean present(int queue) {
        return tap.queue(queue).present();
    }

    @Override
    Counted counted() throws Exception {
        String line = namespace.call(() -> {
            try (Stream<String> lines = Files.lines(Path.of("/proc/thread-self/net/dev"))) {
                return lines.filter(each -> each.strip().startsWith(NAME + ":"))
                        .findFirst()
                        .orElseThrow();
            }
        });
        long[] fields = Arrays.stream(
                        line.substring(line.indexOf(':') + 1).strip().split("\\s+"))
                .mapToLong(Long::parseLong)
                .toArray();
        // Receive: bytes packets errs drop fifo frame compressed multicast; transmit: bytes packets errs drop.
        return new Counted(fields[1], fields[0], fields[3], fields[9], fields[8], fields[11]);
    }

    @Override
    public void close() {
        host.close();
        tap.close();
        namespace.close();
        super.close();
    }
}
