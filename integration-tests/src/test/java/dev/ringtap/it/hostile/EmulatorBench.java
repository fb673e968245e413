// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.hostile;

import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.tun.TapDevice;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** An emulator on a TAP in a network namespace of its own, with a packet socket for the host's side. */
final class EmulatorBench implements AutoCloseable {
    static final int QUEUE_PAIRS = 2;
    private static final byte[] GUEST_MAC = {0x02, 0, 0, 0, 0, 0x01};
    private static final int EXPERIMENTAL_ETHERTYPE = 0x88B5;
    private static final long LIMIT_MS = 10_000;

    private final NetworkNamespace namespace;
    private final Path directory;
    private final Path socket;
    private final Emulator emulator;
    private final TapDevice tap;
    private final PacketSocket host;
    private final PacketSocket hostWithHeader;
    private int serial;

    EmulatorBench(IoEngine engine) throws Exception {
        this(engine, HashSourceChoice.DEVICE);
    }

    EmulatorBench(IoEngine engine, HashSourceChoice source) throws Exception {
        namespace = NetworkNamespace.create();
        directory = Files.createTempDirectory("ringtap");
        socket = directory.resolve("socket");
        tap = namespace.call(() -> {
            TapDevice device = TapDevice.open(TapDevice.Options.of("bench0", QUEUE_PAIRS));
            device.link().disableIpv6();
            device.link().setUp(true);
            return device;
        });
        KernelTap kernelTap = namespace.call(() -> KernelTap.with(tap, source));
        emulator = Emulator.start(EmulatorConfig.of(socket, kernelTap, GUEST_MAC, engine));
        host = namespace.call(() -> PacketSocket.open(tap.link().index()));
        hostWithHeader =
                namespace.call(() -> PacketSocket.openWithHeader(tap.link().index()));
    }

    Path socket() {
        return socket;
    }

    Emulator emulator() {
        return emulator;
    }

    /** The namespace that the TAP is in. */
    NetworkNamespace namespace() {
        return namespace;
    }

    TapDevice tap() {
        return tap;
    }

    /** The host's side of the TAP. */
    PacketSocket host() {
        return host;
    }

    /** The host's side of the TAP, for frames with offloads. */
    PacketSocket hostWithHeader() {
        return hostWithHeader;
    }

    /** Takes the TAP away, as an administrator would with {@code ip link delete}. */
    void deleteTap() throws IOException {
        tap.link().delete();
    }

    void sendToGuest(byte[] frame) throws IOException {
        if (host.send(frame, frame.length) != frame.length) {
            throw new AssertionError("the TAP has no room for a frame");
        }
    }

    /** A guest whose received packets end up in {@code inbox}. */
    FakeGuest.Builder guest(BlockingQueue<ReceivedPacket> inbox) {
        return FakeGuest.builder(socket)
                .queuePairs(QUEUE_PAIRS)
                .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                        inbox.add(packet);
                    }

                    @Override
                    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                        // The channel closes itself; what the test expects, it asserts.
                        context.close();
                    }
                }));
    }

    /** Connects a well-behaved guest and sends a frame each way: the emulator serves. */
    void proveItServes() throws Exception {
        BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
        await("the emulator still has a front-end", () -> !emulator.snapshot().connected());
        long connections = connections();
        try (FakeGuest guest = guest(inbox).connect()) {
            byte[] down = frame();
            host.send(down, down.length);
            ReceivedPacket received = inbox.poll(LIMIT_MS, TimeUnit.MILLISECONDS);
            if (received == null || !Arrays.equals(received.frame(), down)) {
                throw new AssertionError("the frame to the guest did not arrive: " + received);
            }
            byte[] up = frame();
            guest.channel().writeAndFlush(TransmitPacket.plain(0, up)).sync();
            await("the frame from the guest did not arrive", () -> hostReceives(up));
        }
        awaitGone(connections);
    }

    /** A broadcast frame that no other test sends. */
    byte[] frame() {
        return frame(64);
    }

    byte[] frame(int lengthBytes) {
        byte[] frame = new byte[lengthBytes];
        Arrays.fill(frame, 0, 6, (byte) 0xFF);
        frame[6] = 0x02;
        frame[12] = (byte) (EXPERIMENTAL_ETHERTYPE >> 8);
        frame[13] = (byte) EXPERIMENTAL_ETHERTYPE;
        frame[14] = (byte) ++serial;
        frame[15] = (byte) (serial >> 8);
        return frame;
    }

    boolean hostReceives(byte[] wanted) {
        byte[] buffer = new byte[2048];
        try {
            for (int bytes = host.receive(buffer); bytes > 0; bytes = host.receive(buffer)) {
                if (Arrays.equals(buffer, 0, bytes, wanted, 0, wanted.length)) {
                    return true;
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return false;
    }

    long counted(Counter counter) {
        return emulator.snapshot().total(counter);
    }

    /** Waits until the front-end that came after {@code connectionsBefore} others has come and gone. */
    void awaitGone(long connectionsBefore) throws InterruptedException {
        await("the front-end is still there: " + emulator.snapshot(), () -> {
            var now = emulator.snapshot();
            return now.connections() > connectionsBefore && !now.connected();
        });
    }

    long connections() {
        return emulator.snapshot().connections();
    }

    static void await(String otherwise, BooleanSupplier condition) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LIMIT_MS);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > until) {
                throw new AssertionError(otherwise);
            }
            Thread.sleep(2);
        }
    }

    static long openDescriptors() throws IOException {
        try (var entries = Files.list(Path.of("/proc/self/fd"))) {
            return entries.count();
        }
    }

    @Override
    public void close() throws IOException {
        host.close();
        hostWithHeader.close();
        emulator.close();
        namespace.close();
        Files.deleteIfExists(socket);
        Files.delete(directory);
    }
}
