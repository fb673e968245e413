// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.emulated;

import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A fake guest on an emulator on an emulated TAP. */
final class LinkedGuest implements AutoCloseable {
    static final int QUEUE_PAIRS = 2;

    final EmulatedTap tap;
    private final Emulator emulator;
    private final FakeGuest guest;
    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();

    /** @param without features that the guest does not want */
    LinkedGuest(Path directory, String name, IoEngine engine, GuestFeature... without) throws Exception {
        tap = new EmulatedTap(EmulatedTap.Options.of(name, QUEUE_PAIRS));
        byte[] mac = tap.mac();
        mac[5] ^= 1;
        Path socket = directory.resolve(name);
        NetDeviceConfig device =
                new NetDeviceConfig(mac, QUEUE_PAIRS, tap.mtu(), 128, HashType.ALL, NetDeviceConfig.SPEED_UNKNOWN);
        emulator = Emulator.start(new EmulatorConfig(socket, tap, new AutomaticOnly(tap), device, engine, 0));
        try {
            guest = FakeGuest.builder(socket)
                    .queuePairs(QUEUE_PAIRS)
                    .without(without)
                    .pipeline(pipeline -> pipeline.addLast(new SimpleChannelInboundHandler<ReceivedPacket>() {
                        @Override
                        protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
                            inbox.add(packet);
                        }
                    }))
                    .connect();
        } catch (Exception e) {
            emulator.close();
            throw e;
        }
    }

    void send(TransmitPacket packet) throws InterruptedException {
        guest.channel().writeAndFlush(packet).sync();
    }

    ReceivedPacket await() throws InterruptedException {
        ReceivedPacket packet = inbox.poll(10, TimeUnit.SECONDS);
        if (packet == null) {
            throw new AssertionError("no frame came to the guest on " + tap);
        }
        return packet;
    }

    @Override
    public void close() {
        guest.close();
        emulator.close();
    }
}
