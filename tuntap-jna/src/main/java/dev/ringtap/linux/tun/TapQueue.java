// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One queue of a {@link TapDevice}: a non-blocking descriptor on which a read takes one frame that the host sent, and a
 * write gives the host one frame; both with the 12-byte header in front. Of a header that is read, the last two bytes,
 * {@code num_buffers}, are the reader's to set: kernels differ in whether they touch them.
 *
 * <p>A detached queue reads as empty; frames written to it still reach the host.
 */
public final class TapQueue {
    private final TapDevice device;
    private final int index;
    private final OwnedFd fd;
    private final MemorySegment interfaceRequest = Arena.ofAuto().allocate(TunIoctl.IFREQ_BYTES, 8);

    TapQueue(TapDevice device, int index, OwnedFd fd) {
        this.device = device;
        this.index = index;
        this.fd = fd;
    }

    /** Place in the order of opening, from 0; the descriptor's for ever. */
    public int index() {
        return index;
    }

    /** The descriptor; it stays the device's. */
    public OwnedFd fd() {
        return fd;
    }

    /** Bytes in front of each frame. */
    public int headerBytes() {
        return device.headerBytes();
    }

    /**
     * Asks the kernel whether this queue's interface still exists, attached or not. Allocates nothing; one thread at a
     * time.
     */
    public boolean present() {
        return Posix.ioctl(fd.number(), TunIoctl.TUNGETIFF.request(), interfaceRequest.address()) >= 0;
    }

    /** Whether the kernel puts frames into this queue. */
    public boolean attached() {
        return kernelIndex() >= 0;
    }

    /**
     * The number by which the kernel and its steering programs know this queue at present. It equals {@link #index}
     * as long as queues are attached and detached by {@link TapDevice#setAttachedQueues} only.
     *
     * @return -1 while the queue is detached
     */
    public int kernelIndex() {
        return device.kernelIndexOf(this);
    }

    /** Attaches this queue behind those that are attached. Nothing happens if it is attached. */
    public void attach() throws NativeException {
        device.attach(this);
    }

    /**
     * Detaches this queue: what it holds is dropped, and the kernel's last queue takes its number. Nothing happens if
     * it is detached. Takes milliseconds.
     */
    public void detach() throws NativeException {
        device.detach(this);
    }

    @Override
    public String toString() {
        return device.name() + " queue " + index;
    }
}
