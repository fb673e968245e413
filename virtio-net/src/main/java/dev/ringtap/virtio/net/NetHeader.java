// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * {@code struct virtio_net_hdr}, little endian: where its fields are, how long it is, and what a device has to check in
 * one that a driver wrote. VIRTIO 1.3, 5.1.6 Device Operation.
 *
 * <pre>
 *   0 flags       1 gso_type     2 hdr_len      4 gso_size
 *   6 csum_start  8 csum_offset 10 num_buffers 12 hash_value
 *  16 hash_report 18 padding    20
 * </pre>
 */
public final class NetHeader {
    /** u8, bits {@code F_*}. */
    public static final int FLAGS = 0;

    /** u8, a value {@code GSO_*}, perhaps with the bit {@link #GSO_ECN}. */
    public static final int GSO_TYPE = 1;

    /** le16, bytes of all headers. */
    public static final int HDR_LEN = 2;

    /** le16, payload bytes per segment. */
    public static final int GSO_SIZE = 4;

    /** le16, where summing begins, in bytes from the frame's start. */
    public static final int CSUM_START = 6;

    /** le16, where the sum is put, in bytes from {@code csum_start}. */
    public static final int CSUM_OFFSET = 8;

    /** le16, buffers that the packet spans. */
    public static final int NUM_BUFFERS = 10;

    /** le32. */
    public static final int HASH_VALUE = 12;

    /** le16, a {@link HashReport}. */
    public static final int HASH_REPORT = 16;

    /** le16, zero. */
    public static final int PADDING = 18;

    /** Bytes of the header. */
    public static final int SIZE = 12;

    /** Bytes of a legacy driver's header without mergeable buffers: no {@code num_buffers}. */
    public static final int SIZE_LEGACY = 10;

    /** Bytes of the header with hash value and report. */
    public static final int SIZE_WITH_HASH = 20;

    /** {@code csum_start} and {@code csum_offset} say what is left to sum. */
    public static final int F_NEEDS_CSUM = 1;

    /** The checksum has been verified. Device to driver only. */
    public static final int F_DATA_VALID = 2;

    /** Counts of coalesced segments take the place of the checksum fields. Device to driver only. */
    public static final int F_RSC_INFO = 4;

    /** Not a packet to cut up. */
    public static final int GSO_NONE = 0;

    /** TCP over IPv4 to segment. */
    public static final int GSO_TCPV4 = 1;

    /** UDP to fragment. */
    public static final int GSO_UDP = 3;

    /** TCP over IPv6 to segment. */
    public static final int GSO_TCPV6 = 4;

    /** UDP to segment. */
    public static final int GSO_UDP_L4 = 5;

    /** Bit beside {@link #GSO_TCPV4} or {@link #GSO_TCPV6}: the TCP header has CWR set. */
    public static final int GSO_ECN = 0x80;

    /** Shortest frame: two addresses and an EtherType. */
    public static final int MIN_FRAME_BYTES = 14;

    private static final int CHECKSUM_BYTES = 2;

    // The copy that check() gets lies wherever the caller's buffer does.
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private NetHeader() {}

    /** What is wrong with a transmitted packet's header. */
    public enum TxFault {
        /** Nothing. */
        NONE,
        /** Less than an Ethernet header after the virtio-net header. */
        FRAME_TOO_SHORT,
        /** {@code F_NEEDS_CSUM} without {@link NetFeature#CSUM}. */
        CSUM_NOT_NEGOTIATED,
        /** The checksum field is not wholly inside the frame. */
        CSUM_BEYOND_FRAME,
        /** No such {@code gso_type}. */
        GSO_TYPE_UNKNOWN,
        /** A {@code gso_type} whose {@code HOST_*} feature was not negotiated. */
        GSO_NOT_NEGOTIATED,
        /** {@code GSO_ECN} without {@link NetFeature#HOST_ECN}. */
        ECN_NOT_NEGOTIATED,
        /** {@code GSO_ECN} on what is not TCP. */
        ECN_WITHOUT_TCP,
        /** A packet to segment whose checksum is not left to the device: no segment's would be right. */
        GSO_WITHOUT_CSUM,
        /** A packet to segment into pieces of 0 bytes. */
        GSO_SIZE_ZERO,
        /** The headers to repeat for every segment are longer than the frame. */
        HDR_LEN_BEYOND_FRAME
    }

    /** Bytes of the header in both directions under {@code features}: 10, 12 or 20. */
    public static int bytes(long features) {
        if (NetFeature.HASH_REPORT.in(features)) {
            return SIZE_WITH_HASH;
        }
        // VIRTIO 1.3, 5.1.6.1 Legacy Interface: Device Operation.
        return VirtioFeature.VERSION_1.in(features) || NetFeature.MRG_RXBUF.in(features) ? SIZE : SIZE_LEGACY;
    }

    /**
     * Judges the header of a packet to transmit by VIRTIO 1.3, 5.1.6.2 Packet Transmission. Allocates nothing.
     *
     * <p>Flags that are not a driver's to set are no fault, since a device ignores flags that it does not know, and
     * neither is {@code hdr_len} of a packet that is not to be segmented: it is a hint there. {@link #keepMeaningful} takes
     * both out before the header goes on to somebody else.
     *
     * @param header a private copy, which the driver cannot change after the check
     * @param offset of the header's first byte in it; at least {@value #SIZE_LEGACY} bytes are there
     * @param frameBytes length of the frame after the header
     * @param features those negotiated
     */
    public static TxFault check(MemorySegment header, long offset, long frameBytes, long features) {
        if (frameBytes < MIN_FRAME_BYTES) {
            return TxFault.FRAME_TOO_SHORT;
        }
        boolean needsCsum = (header.get(ValueLayout.JAVA_BYTE, offset + FLAGS) & F_NEEDS_CSUM) != 0;
        int gsoType = header.get(ValueLayout.JAVA_BYTE, offset + GSO_TYPE) & 0xFF;
        if (needsCsum) {
            if (!NetFeature.CSUM.in(features)) {
                return TxFault.CSUM_NOT_NEGOTIATED;
            }
            int start = u16(header, offset + CSUM_START);
            int field = start + u16(header, offset + CSUM_OFFSET);
            if (field + CHECKSUM_BYTES > frameBytes) {
                return TxFault.CSUM_BEYOND_FRAME;
            }
        }
        return gsoType == GSO_NONE ? TxFault.NONE : checkGso(header, offset, frameBytes, features, needsCsum, gsoType);
    }

    private static TxFault checkGso(
            MemorySegment header, long offset, long frameBytes, long features, boolean needsCsum, int gsoType) {
        NetFeature needed;
        boolean tcp = false;
        switch (gsoType & ~GSO_ECN) {
            case GSO_TCPV4 -> {
                needed = NetFeature.HOST_TSO4;
                tcp = true;
            }
            case GSO_TCPV6 -> {
                needed = NetFeature.HOST_TSO6;
                tcp = true;
            }
            case GSO_UDP -> needed = NetFeature.HOST_UFO;
            case GSO_UDP_L4 -> needed = NetFeature.HOST_USO;
            // The ECN bit alone.
            case GSO_NONE -> {
                return TxFault.ECN_WITHOUT_TCP;
            }
            default -> {
                return TxFault.GSO_TYPE_UNKNOWN;
            }
        }
        if (!needed.in(features)) {
            return TxFault.GSO_NOT_NEGOTIATED;
        }
        if ((gsoType & GSO_ECN) != 0) {
            if (!tcp) {
                return TxFault.ECN_WITHOUT_TCP;
            }
            if (!NetFeature.HOST_ECN.in(features)) {
                return TxFault.ECN_NOT_NEGOTIATED;
            }
        }
        if (!needsCsum) {
            return TxFault.GSO_WITHOUT_CSUM;
        }
        if (u16(header, offset + GSO_SIZE) == 0) {
            return TxFault.GSO_SIZE_ZERO;
        }
        return u16(header, offset + HDR_LEN) > frameBytes ? TxFault.HDR_LEN_BEYOND_FRAME : TxFault.NONE;
    }

    /**
     * Clears in a checked header what a device has to leave unused (VIRTIO 1.3, 5.1.6.2.2 Device Requirements: Packet
     * Transmission), so that the next reader, such as a TAP, cannot use it either: flags other than {@code F_NEEDS_CSUM},
     * the checksum fields without that flag, {@code hdr_len} and {@code gso_size} of a packet that is not to be segmented,
     * {@code num_buffers}.
     *
     * @param header the copy that {@link #check} found good
     * @param offset of the header's first byte in it; {@value #SIZE} bytes are there
     */
    public static void keepMeaningful(MemorySegment header, long offset) {
        int flags = header.get(ValueLayout.JAVA_BYTE, offset + FLAGS) & F_NEEDS_CSUM;
        header.set(ValueLayout.JAVA_BYTE, offset + FLAGS, (byte) flags);
        if (flags == 0) {
            header.set(LE16, offset + CSUM_START, (short) 0);
            header.set(LE16, offset + CSUM_OFFSET, (short) 0);
        }
        if (header.get(ValueLayout.JAVA_BYTE, offset + GSO_TYPE) == GSO_NONE) {
            header.set(LE16, offset + HDR_LEN, (short) 0);
            header.set(LE16, offset + GSO_SIZE, (short) 0);
        }
        header.set(LE16, offset + NUM_BUFFERS, (short) 0);
    }

    private static int u16(MemorySegment header, long at) {
        return Short.toUnsignedInt(header.get(LE16, at));
    }
}
