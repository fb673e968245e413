// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

/**
 * One received frame as the driver saw it: the frame and the header the device wrote before it. VIRTIO 1.3, 5.1.6
 * Device Operation ({@code struct virtio_net_hdr}).
 *
 * @param queue receive queue pair it came on, from 0 (virtqueue {@code 2 * queue})
 * @param frame the Ethernet frame, gathered from all its buffers; the receiver's own copy
 * @param flags VIRTIO_NET_HDR_F_* bits, unsigned 8 bits
 * @param gsoType VIRTIO_NET_HDR_GSO_*, unsigned 8 bits
 * @param hdrLen length of the frame's headers in bytes, a hint
 * @param gsoSize maximum segment size in bytes where {@code gsoType} is not 0
 * @param csumStart where checksumming begins, in bytes from the start of the frame
 * @param csumOffset where the checksum goes, in bytes from {@code csumStart}
 * @param numBuffers receive buffers the frame was spread over
 * @param hashValue the reported hash; 0 where HASH_REPORT was not negotiated
 * @param hashReport the reported hash type; 0 (NONE) where HASH_REPORT was not negotiated
 * @param usedBytes sum of the used lengths of its buffers, header included
 */
public record ReceivedPacket(
        int queue,
        byte[] frame,
        int flags,
        int gsoType,
        int hdrLen,
        int gsoSize,
        int csumStart,
        int csumOffset,
        int numBuffers,
        int hashValue,
        int hashReport,
        int usedBytes) {

    /** For failure messages: the header, and how long the frame is. */
    @Override
    public String toString() {
        return "ReceivedPacket[queue=%d, %d bytes, flags=0x%x, gsoType=0x%x, hdrLen=%d, gsoSize=%d, csumStart=%d, "
                        .formatted(queue, frame.length, flags, gsoType, hdrLen, gsoSize, csumStart)
                + "csumOffset=%d, numBuffers=%d, hashValue=0x%08x, hashReport=%d, usedBytes=%d]"
                        .formatted(csumOffset, numBuffers, hashValue, hashReport, usedBytes);
    }
}
