// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.posix.Errno;
import java.util.Arrays;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's end of an emulated TAP: where a kernel has its network stack. Frames are sent and received here, sniffed and
 * counted. Any thread.
 */
public final class HostSide {
    private static final Logger LOG = LoggerFactory.getLogger(HostSide.class);

    private final EmulatedTap tap;
    /** Replaced as a whole, so that looking through it needs no iterator. */
    private volatile FrameObserver[] observers = {};

    private volatile HostReceiver receiver;

    HostSide(EmulatedTap tap) {
        this.tap = tap;
    }

    /** The host's address on this interface, 6 bytes. */
    public byte[] mac() {
        return tap.mac();
    }

    /** Frames that each queue holds. */
    public int queueLength() {
        return tap.options().queueLength();
    }

    /** Sends a finished frame. */
    public int send(byte[] frame) {
        return send(frame, 0, frame.length, new FrameInfo());
    }

    /**
     * Sends a frame to the guest: it is steered, then cut and summed as far as the reader's offloads ask for it, filtered,
     * and put into the queue. The frame is copied; any number of threads may send at a time. Allocates nothing once the
     * device has seen as much traffic as it ever will at a time.
     *
     * @param offset where in {@code frame} the destination address begins
     * @param info what is left to do for the frame, and a VLAN tag beside it; only read
     * @return 0 if everything is in a queue; {@code -ENOBUFS} if it or a segment of it was dropped, which is counted (the
     *     kernel's senders are mostly not told); {@code -EINVAL} if {@code info} contradicts itself or the frame is shorter
     *     than an Ethernet header; {@code -EMSGSIZE} beyond {@link EmulatedTap#MAX_FRAME_BYTES}; {@code -ENETDOWN};
     *     {@code -ENXIO} if the device is gone
     */
    public int send(byte[] frame, int offset, int lengthBytes, FrameInfo info) {
        Objects.checkFromIndexSize(offset, lengthBytes, frame.length);
        if (lengthBytes > EmulatedTap.MAX_FRAME_BYTES) {
            return -Errno.EMSGSIZE;
        }
        return tap.fromHost(frame, offset, lengthBytes, info);
    }

    /**
     * Who gets the guest's frames from now on; null for nobody. When this returns, the former receiver may still be busy with
     * a last frame of each queue.
     */
    public void receiver(HostReceiver newReceiver) {
        receiver = newReceiver;
    }

    /** Lets somebody see all frames. */
    public synchronized void addObserver(FrameObserver observer) {
        FrameObserver[] more = Arrays.copyOf(observers, observers.length + 1);
        more[observers.length] = observer;
        observers = more;
    }

    /** Ends that. */
    public synchronized void removeObserver(FrameObserver observer) {
        observers = Arrays.stream(observers).filter(other -> other != observer).toArray(FrameObserver[]::new);
    }

    /** What has gone through so far. */
    public DeviceCounters counters() {
        return tap.stats().read();
    }

    void deliver(int queue, byte[] data, int lengthBytes, FrameInfo info) {
        observe(FrameObserver.Direction.TO_HOST, data, lengthBytes, info);
        HostReceiver current = receiver;
        if (current == null) {
            return;
        }
        try {
            current.receive(queue, data, 0, lengthBytes, info);
        } catch (RuntimeException e) {
            LOG.error("the host side of {} failed on a frame", tap.name(), e);
        }
    }

    void observe(FrameObserver.Direction direction, byte[] data, int lengthBytes, FrameInfo info) {
        for (FrameObserver observer : observers) {
            try {
                observer.frame(direction, data, 0, lengthBytes, info);
            } catch (RuntimeException e) {
                LOG.error("an observer of {} failed on a frame", tap.name(), e);
            }
        }
    }
}
