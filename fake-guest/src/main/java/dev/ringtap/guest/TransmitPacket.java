// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

/**
 * One frame to transmit, and the header that goes before it. Nothing here is checked against the negotiated features:
 * a wrong header is the caller's to send. VIRTIO 1.3, 5.1.6.2 Packet Transmission.
 *
 * @param queue transmit queue pair, from 0 (virtqueue {@code 2 * queue + 1})
 * @param frame the Ethernet frame; read until the write's promise is done
 * @param flags VIRTIO_NET_HDR_F_* bits; the low 8 bits are sent
 * @param gsoType VIRTIO_NET_HDR_GSO_*; the low 8 bits are sent
 * @param hdrLen length of the frame's headers in bytes
 * @param gsoSize maximum segment size in bytes where {@code gsoType} is not 0
 * @param csumStart where checksumming begins, in bytes from the start of the frame
 * @param csumOffset where the checksum goes, in bytes from {@code csumStart}
 */
public record TransmitPacket(
        int queue, byte[] frame, int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {

    /** VIRTIO_NET_HDR_F_NEEDS_CSUM. */
    public static final int NEEDS_CSUM = 1;

    public static final int GSO_NONE = 0;
    public static final int GSO_TCPV4 = 1;
    public static final int GSO_TCPV6 = 4;
    public static final int GSO_UDP_L4 = 5;
    /** VIRTIO_NET_HDR_GSO_ECN, a bit beside the type. */
    public static final int GSO_ECN = 0x80;

    /** A complete frame: no offload, a header of zeros. */
    public static TransmitPacket plain(int queue, byte[] frame) {
        return new TransmitPacket(queue, frame, 0, GSO_NONE, 0, 0, 0, 0);
    }

    /** A frame whose checksum the device completes; {@code csumStart} and {@code csumOffset} as in the record. */
    public static TransmitPacket partialChecksum(int queue, byte[] frame, int csumStart, int csumOffset) {
        return new TransmitPacket(queue, frame, NEEDS_CSUM, GSO_NONE, 0, 0, csumStart, csumOffset);
    }

    @Override
    public String toString() {
        return "TransmitPacket[queue=%d, %d bytes, flags=0x%x, gsoType=0x%x, hdrLen=%d, gsoSize=%d, csumStart=%d, "
                        .formatted(queue, frame.length, flags, gsoType, hdrLen, gsoSize, csumStart)
                + "csumOffset=" + csumOffset + "]";
    }
}
