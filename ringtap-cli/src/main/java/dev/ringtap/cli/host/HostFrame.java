// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

/**
 * A frame between host and TAP, and what has yet to be done to it; the fields of {@code struct virtio_net_hdr} by their
 * meaning.
 *
 * @param bytes the Ethernet frame, without {@code vlanTag}; not copied
 * @param vlanTag a tag that travels beside the frame, TPID in the high half and TCI in the low half; 0 for none
 * @param flags {@link #NEEDS_CSUM} or 0
 * @param gsoType VIRTIO_NET_HDR_GSO_*, 0 if the frame is not to be cut
 * @param headersBytes what each segment repeats
 * @param segmentBytes payload of each segment
 * @param checksumStart where the checksum's range begins, in bytes from the start of the frame
 * @param checksumOffset where the checksum stands, in bytes from {@code checksumStart}
 */
public record HostFrame(
        byte[] bytes,
        int vlanTag,
        int flags,
        int gsoType,
        int headersBytes,
        int segmentBytes,
        int checksumStart,
        int checksumOffset) {

    /** The checksum field holds the pseudo-header's sum only. */
    public static final int NEEDS_CSUM = 1;

    public static final int GSO_NONE = 0;
    public static final int GSO_TCPV4 = 1;
    public static final int GSO_TCPV6 = 4;
    public static final int GSO_UDP_L4 = 5;
    /** A bit beside the type. */
    public static final int GSO_ECN = 0x80;

    /** A frame with nothing left to do. */
    public static HostFrame plain(byte[] bytes) {
        return new HostFrame(bytes, 0, 0, GSO_NONE, 0, 0, 0, 0);
    }

    /** A frame without its transport checksum. */
    public static HostFrame partialChecksum(byte[] bytes, int start, int offset) {
        return new HostFrame(bytes, 0, NEEDS_CSUM, GSO_NONE, 0, 0, start, offset);
    }

    /** A frame to be cut into segments, which gives each its checksum. */
    public static HostFrame segmented(
            byte[] bytes, int gsoType, int headersBytes, int segmentBytes, int start, int offset) {
        return new HostFrame(bytes, 0, NEEDS_CSUM, gsoType, headersBytes, segmentBytes, start, offset);
    }

    /** The same frame with a tag beside it. */
    public HostFrame tagged(int tag) {
        return new HostFrame(bytes, tag, flags, gsoType, headersBytes, segmentBytes, checksumStart, checksumOffset);
    }

    @Override
    public String toString() {
        return "HostFrame[%d bytes, vlanTag=0x%x, flags=%d, gsoType=%d, headersBytes=%d, segmentBytes=%d, "
                        .formatted(bytes.length, vlanTag, flags, gsoType, headersBytes, segmentBytes)
                + "checksum at %d+%d]".formatted(checksumStart, checksumOffset);
    }
}
