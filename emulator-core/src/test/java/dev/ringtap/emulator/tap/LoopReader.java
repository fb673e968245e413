// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.linux.posix.IovecArray;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Reads a port's queue as the datapath does: a watch, and bursts of one read until there is nothing left. */
public final class LoopReader implements AutoCloseable, BurstListener {
    private static final int ROOM_BYTES = 80 * 1024;

    private final PortQueue queue;
    private final MultiThreadIoEventLoopGroup group;
    private final IoEventLoop executor;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment room = arena.allocate(ROOM_BYTES);
    private final IovecArray iovecs = new IovecArray(1);
    private final BlockingQueue<byte[]> frames = new LinkedBlockingQueue<>();
    private final BlockingQueue<Integer> faults = new LinkedBlockingQueue<>();
    private Burst burst;
    private Watch watch;
    private boolean more;

    public LoopReader(PortQueue queue, IoEngine engine) {
        this.queue = queue;
        group = new MultiThreadIoEventLoopGroup(1, engine.handlers());
        executor = group.next();
        iovecs.set(0, room.address(), ROOM_BYTES);
        executor.submit(() -> {
                    IoLoop loop = engine.on(executor);
                    burst = queue.newBurst(loop, 1, this);
                    watch = queue.watch(loop, this::drain);
                })
                .syncUninterruptibly();
    }

    private void drain() {
        do {
            burst.read(0, iovecs.address(), 1);
            burst.submit();
        } while (more);
    }

    @Override
    public void completed(int slot, int result) {
        more = result > 0;
        if (more) {
            frames.add(room.asSlice(queue.headerBytes(), result - queue.headerBytes())
                    .toArray(ValueLayout.JAVA_BYTE));
        } else {
            faults.add(result);
        }
    }

    @Override
    public void burstCompleted() {
        // The loop above goes on.
    }

    /** The next frame, without its header. */
    public byte[] await() throws InterruptedException {
        byte[] frame = frames.poll(5, TimeUnit.SECONDS);
        if (frame == null) throw new AssertionError("no frame came");
        return frame;
    }

    /** The next answer to a read that was no frame. */
    public int awaitFault() throws InterruptedException {
        Integer fault = faults.poll(5, TimeUnit.SECONDS);
        if (fault == null) throw new AssertionError("the reader was not woken");
        return fault;
    }

    @Override
    public void close() {
        executor.submit(() -> {
                    watch.close();
                    burst.close();
                })
                .syncUninterruptibly();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
        iovecs.close();
        arena.close();
    }
}
