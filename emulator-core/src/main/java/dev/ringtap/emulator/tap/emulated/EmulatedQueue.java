// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.SynchronousBurst;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.virtio.net.NetHeader;

/** One queue of an {@link EmulatedTap}: what a descriptor of {@code /dev/net/tun} is to the kernel's. */
final class EmulatedQueue implements PortQueue, SynchronousBurst.Transfers {
    private static final int ADDRESSES_BYTES = 12;
    private static final int VLAN_TAG_BYTES = 4;

    private final EmulatedTap tap;
    private final int index;
    private final int headerBytes;
    private final FrameRing ring;
    private final FramePool pool;
    private final DeviceStats stats;

    // Of the loop's thread.
    private final IovecCursor cursor = new IovecCursor();
    private final byte[] header = new byte[NetHeader.SIZE_WITH_HASH];
    private final byte[] tag = new byte[VLAN_TAG_BYTES];
    private final byte[] written = new byte[EmulatedTap.MAX_FRAME_BYTES];
    private final FrameInfo writtenInfo = new FrameInfo();

    private volatile QueueWatch watch;

    EmulatedQueue(EmulatedTap tap, int index, int headerBytes, int queueLength, FramePool pool, DeviceStats stats) {
        this.tap = tap;
        this.index = index;
        this.headerBytes = headerBytes;
        this.pool = pool;
        this.stats = stats;
        ring = new FrameRing(queueLength);
    }

    int index() {
        return index;
    }

    @Override
    public int headerBytes() {
        return headerBytes;
    }

    @Override
    public Watch watch(IoLoop loop, Runnable whenReadable) {
        if (watch != null) {
            throw new IllegalStateException("queue " + index + " of " + tap.name() + " is watched already");
        }
        QueueWatch made = new QueueWatch(loop.executor(), whenReadable, () -> watch = null);
        watch = made;
        // What came before there was anybody to tell.
        made.signal();
        return made;
    }

    @Override
    public Burst newBurst(IoLoop loop, int slots, BurstListener listener) {
        return new SynchronousBurst(slots, listener, this);
    }

    @Override
    public boolean completesInSubmit(IoLoop loop) {
        return true;
    }

    @Override
    public boolean present() {
        return !tap.attachment().removed();
    }

    /** Puts a frame in and tells the reader. @return false if it is full; the frame stays the caller's */
    boolean offer(Frame frame) {
        if (!ring.put(frame)) {
            return false;
        }
        wake();
        return true;
    }

    /** Makes the reader look. */
    void wake() {
        QueueWatch current = watch;
        if (current != null) {
            current.signal();
        }
    }

    /** Throws away what is in the queue. Any thread. */
    void purge() {
        for (Frame frame = ring.take(); frame != null; frame = ring.take()) {
            pool.give(frame);
            stats.txDiscarded.increment();
        }
    }

    @Override
    public int read(long iovecs, int count) {
        if (tap.attachment().removed()) {
            return -Errno.EBADFD;
        }
        long room = cursor.begin(iovecs, count);
        if (room == 0) {
            return 0;
        }
        Frame frame = ring.take();
        if (frame == null) {
            return -Errno.EAGAIN;
        }
        int result;
        if (room < headerBytes) {
            // As in the kernel, the frame is gone all the same.
            stats.txDiscarded.increment();
            result = -Errno.EINVAL;
        } else {
            result = (int) Math.min(deliver(frame), room);
        }
        pool.give(frame);
        return result;
    }

    // A reader whose memory is not there any more is told as the kernel tells it; the frame is gone.
    private int deliver(Frame frame) {
        try {
            int bytes = copyOut(frame);
            stats.txPackets.increment();
            stats.txBytes.add(bytes - headerBytes);
            return bytes;
        } catch (InternalError e) {
            stats.txDiscarded.increment();
            return -Errno.EFAULT;
        }
    }

    // The cursor stops where the reader's buffer ends.
    private int copyOut(Frame frame) {
        VnetHeader.encode(header, frame);
        cursor.put(header, 0, headerBytes);
        if (!frame.info.vlanPresent()) {
            cursor.put(frame.data, 0, frame.lengthBytes);
            return headerBytes + frame.lengthBytes;
        }
        int front = Math.min(ADDRESSES_BYTES, frame.lengthBytes);
        cursor.put(frame.data, 0, front);
        tag[0] = (byte) (frame.info.vlanProtocol >> 8);
        tag[1] = (byte) frame.info.vlanProtocol;
        tag[2] = (byte) (frame.info.vlanTci >> 8);
        tag[3] = (byte) frame.info.vlanTci;
        cursor.put(tag, 0, VLAN_TAG_BYTES);
        cursor.put(frame.data, front, frame.lengthBytes - front);
        return headerBytes + frame.lengthBytes + VLAN_TAG_BYTES;
    }

    @Override
    public int write(long iovecs, int count) {
        Attachment attachment = tap.attachment();
        if (attachment.removed()) {
            return -Errno.EBADFD;
        }
        long total = cursor.begin(iovecs, count);
        if (total < headerBytes) {
            return -Errno.EINVAL;
        }
        cursor.get(header, 0, headerBytes);
        VnetHeader.decode(header, writtenInfo);
        long frameBytes = total - headerBytes;
        int lengthBytes = (int) Math.min(frameBytes, Integer.MAX_VALUE);
        if (!VnetHeader.lengthsFit(writtenInfo, lengthBytes)) {
            return -Errno.EINVAL;
        }
        if (frameBytes > EmulatedTap.MAX_FRAME_BYTES) {
            stats.rxDropped.increment();
            return -Errno.EMSGSIZE;
        }
        if (!VnetHeader.accept(writtenInfo, lengthBytes)) {
            stats.rxErrors.increment();
            return -Errno.EINVAL;
        }
        if (!attachment.up()) {
            stats.rxDropped.increment();
            return -Errno.EIO;
        }
        cursor.get(written, 0, lengthBytes);
        tap.fromGuest(this, attachment, written, lengthBytes, writtenInfo);
        stats.rxPackets.increment();
        stats.rxBytes.add(lengthBytes);
        return (int) total;
    }

    @Override
    public String toString() {
        return tap.name() + " queue " + index;
    }
}
