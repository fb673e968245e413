// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.SkBuff;

/**
 * A frame on its way from the host into a queue, as a {@link QueueChooser} or a {@link PacketFilter} sees it. One for each
 * sending thread; valid only while the chooser or the filter runs.
 */
public final class SentPacket {
    private final SkBuff skBuff = new SkBuff();
    private byte[] data;
    private int offset;
    private int lengthBytes;
    private FrameInfo info;
    private EmulatedTap tap;
    private int attachedQueues;
    private int hashValue;
    private int hashReport;

    SentPacket() {}

    SentPacket of(EmulatedTap device, int queues, byte[] bytes, int begin, int length, FrameInfo frameInfo) {
        tap = device;
        attachedQueues = queues;
        data = bytes;
        offset = begin;
        lengthBytes = length;
        info = frameInfo;
        return this;
    }

    /** Holds the frame, from its destination address; not to be changed. */
    public byte[] data() {
        return data;
    }

    /** Where in {@link #data} the frame begins. */
    public int offset() {
        return offset;
    }

    /** Bytes of the frame, without a tag that lies beside it. */
    public int lengthBytes() {
        return lengthBytes;
    }

    /** What the sender said of the frame; not to be changed. */
    public FrameInfo info() {
        return info;
    }

    /** Attached queues at the moment, 1 or more. */
    public int attachedQueues() {
        return attachedQueues;
    }

    /** The queue that automatic steering would choose. */
    public int automaticQueue() {
        return tap.automaticQueue(data, offset, lengthBytes, attachedQueues);
    }

    /**
     * Gives the frame a hash, that goes into a header of 20 bytes. Of use to a chooser only.
     *
     * @param value in the virtio-net header's sense, 32 bits
     * @param report {@code VIRTIO_NET_HASH_REPORT_*}
     */
    public void reportHash(int value, int report) {
        hashValue = value;
        hashReport = report;
    }

    /**
     * The context of a BPF program for this frame: the frame itself, without a copy, and the fields that the kernel would
     * have set. The thread's own; a second call begins anew.
     */
    public SkBuff skBuff() {
        skBuff.wrap(data, offset, lengthBytes)
                .ifindex(EmulatedTap.INTERFACE_INDEX)
                .gsoSize(info.gsoSize());
        if (info.vlanPresent()) {
            skBuff.vlanTag(info.vlanProtocol(), info.vlanTci());
        }
        return skBuff;
    }

    void clearHash() {
        hashValue = 0;
        hashReport = 0;
    }

    int hashValue() {
        return hashValue;
    }

    int hashReport() {
        return hashReport;
    }
}
