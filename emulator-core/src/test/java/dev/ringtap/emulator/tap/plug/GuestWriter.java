// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.linux.posix.IovecArray;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;

/** Writes frames to a queue as a guest's loop does. */
final class GuestWriter implements AutoCloseable, BurstListener {
    private static final int HEADER_BYTES = 12;
    private static final int ROOM_BYTES = 80 * 1024;

    private final MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(1, IoEngine.EPOLL.handlers());
    private final Arena arena = Arena.ofShared();
    private final MemorySegment room = arena.allocate(ROOM_BYTES);
    private final IovecArray iovecs = new IovecArray(1);
    private final IoEventLoop executor = group.next();
    private final PortQueue queue;
    private int lastResult;

    GuestWriter(PortQueue queue) {
        this.queue = queue;
    }

    /** @return what the write answered */
    int write(byte[] frame, FrameInfo info) {
        byte[] header = ByteBuffer.allocate(HEADER_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) info.flags())
                .put((byte) info.gsoType())
                .putShort((short) info.headerBytes())
                .putShort((short) info.gsoSize())
                .putShort((short) info.checksumStart())
                .putShort((short) info.checksumOffset())
                .array();
        MemorySegment.copy(header, 0, room, ValueLayout.JAVA_BYTE, 0, HEADER_BYTES);
        MemorySegment.copy(frame, 0, room, ValueLayout.JAVA_BYTE, HEADER_BYTES, frame.length);
        iovecs.set(0, room.address(), HEADER_BYTES + frame.length);
        executor.submit(() -> {
                    Burst burst = queue.newBurst(IoEngine.EPOLL.on(executor), 1, this);
                    burst.write(0, iovecs.address(), 1);
                    burst.submit();
                    burst.close();
                })
                .syncUninterruptibly();
        return lastResult;
    }

    @Override
    public void completed(int slot, int result) {
        lastResult = result;
    }

    @Override
    public void burstCompleted() {
        // One write is all.
    }

    @Override
    public void close() {
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
        iovecs.close();
        arena.close();
    }
}
