// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.virtio.net.NetHeader;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The virtio-net header in front of a frame, in little-endian order, and what the kernel checks in one before it believes it:
 * {@code tun_get_user} of drivers/net/tun.c and {@code virtio_net_hdr_to_skb} of include/linux/virtio_net.h.
 */
final class VnetHeader {
    private static final VarHandle LE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LE32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int IPV4_MIN_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int TCP_MIN_BYTES = 20;
    private static final int UDP_BYTES = 8;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_CHECKSUM = 6;
    private static final int SUM_BYTES = 2;
    private static final int VLAN_TAG_BYTES = 4;

    /** Means something else inside the kernel. */
    private static final int GSO_BY_FRAGS = 0xFFFF;

    private VnetHeader() {}

    /** Makes the header that a reader gets. {@code header} has {@link NetHeader#SIZE_WITH_HASH} bytes. */
    static void encode(byte[] header, Frame frame) {
        FrameInfo info = frame.info;
        boolean sum = info.needsChecksum();
        header[NetHeader.FLAGS] = (byte) info.flags;
        header[NetHeader.GSO_TYPE] = (byte) info.gsoType;
        boolean gso = info.gsoType != NetHeader.GSO_NONE;
        put16(header, NetHeader.HDR_LEN, gso ? info.headerBytes : 0);
        put16(header, NetHeader.GSO_SIZE, gso ? info.gsoSize : 0);
        // The tag that lay beside the frame is going to be in front of what is summed.
        int tagBytes = info.vlanPresent() ? VLAN_TAG_BYTES : 0;
        put16(header, NetHeader.CSUM_START, sum ? info.checksumStart + tagBytes : 0);
        put16(header, NetHeader.CSUM_OFFSET, sum ? info.checksumOffset : 0);
        put16(header, NetHeader.NUM_BUFFERS, 0);
        LE32.set(header, NetHeader.HASH_VALUE, frame.hashValue);
        put16(header, NetHeader.HASH_REPORT, frame.hashReport);
        put16(header, NetHeader.PADDING, 0);
    }

    /** Takes the offload fields out of a header that was written. */
    static void decode(byte[] header, FrameInfo info) {
        info.clear();
        info.flags = header[NetHeader.FLAGS] & 0xFF;
        info.gsoType = header[NetHeader.GSO_TYPE] & 0xFF;
        info.headerBytes = get16(header, NetHeader.HDR_LEN);
        info.gsoSize = get16(header, NetHeader.GSO_SIZE);
        info.checksumStart = get16(header, NetHeader.CSUM_START);
        info.checksumOffset = get16(header, NetHeader.CSUM_OFFSET);
    }

    /** Whether lengths can be right at all: what is checked before the frame is looked at. */
    static boolean lengthsFit(FrameInfo info, int frameBytes) {
        int headers = info.headerBytes;
        if (info.needsChecksum()) {
            headers = Math.max(headers, info.checksumStart + info.checksumOffset + SUM_BYTES);
        }
        return headers <= frameBytes
                && frameBytes >= NetHeader.MIN_FRAME_BYTES
                && (headers == 0 || headers >= NetHeader.MIN_FRAME_BYTES);
    }

    /**
     * Whether the header's parts agree with each other and with the frame's length. Afterwards {@code info} says only what
     * is so: no segmentation if the frame is no longer than one segment, no flags but that of the checksum.
     */
    static boolean accept(FrameInfo info, int frameBytes) {
        int type = info.gsoType & ~NetHeader.GSO_ECN;
        boolean gso = info.gsoType != NetHeader.GSO_NONE;
        if (gso && (!known(type) || info.gsoSize == 0)) {
            return false;
        }
        int transportBytes = transportBytes(type);
        int networkBytes = type == NetHeader.GSO_TCPV6 ? IPV6_BYTES : IPV4_MIN_BYTES;
        int headers = 0;
        if (info.needsChecksum()) {
            int start = info.checksumStart;
            if (start + Math.max(transportBytes, info.checksumOffset + SUM_BYTES) > frameBytes
                    || start < networkBytes) {
                return false;
            }
            headers = start + transportBytes;
        } else if (gso) {
            headers = networkBytes + transportBytes;
            if (headers > frameBytes) {
                return false;
            }
        }
        if (gso && !segmentsMakeSense(info, type)) {
            return false;
        }
        // The size of UDP fragments counts the UDP header.
        int before = type == NetHeader.GSO_UDP ? headers - transportBytes : headers;
        if (gso && frameBytes - before <= info.gsoSize) {
            info.gsoType = NetHeader.GSO_NONE;
            info.gsoSize = 0;
        }
        info.flags &= NetHeader.F_NEEDS_CSUM;
        return true;
    }

    private static boolean segmentsMakeSense(FrameInfo info, int type) {
        if (info.gsoSize == GSO_BY_FRAGS) {
            return false;
        }
        boolean sum = info.needsChecksum();
        return switch (type) {
            case NetHeader.GSO_UDP_L4 ->
                sum && info.checksumOffset == UDP_CHECKSUM && (info.gsoType & NetHeader.GSO_ECN) == 0;
            case NetHeader.GSO_TCPV4, NetHeader.GSO_TCPV6 -> !sum || info.checksumOffset == TCP_CHECKSUM;
            default -> true;
        };
    }

    private static boolean known(int type) {
        return switch (type) {
            case NetHeader.GSO_TCPV4, NetHeader.GSO_TCPV6, NetHeader.GSO_UDP, NetHeader.GSO_UDP_L4 -> true;
            default -> false;
        };
    }

    private static int transportBytes(int type) {
        return switch (type) {
            case NetHeader.GSO_TCPV4, NetHeader.GSO_TCPV6 -> TCP_MIN_BYTES;
            case NetHeader.GSO_UDP, NetHeader.GSO_UDP_L4 -> UDP_BYTES;
            default -> 0;
        };
    }

    private static void put16(byte[] header, int at, int value) {
        LE16.set(header, at, (short) value);
    }

    private static int get16(byte[] header, int at) {
        return (short) LE16.get(header, at) & 0xFFFF;
    }
}
