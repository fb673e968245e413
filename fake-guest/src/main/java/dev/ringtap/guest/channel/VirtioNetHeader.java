// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The header before every packet. VIRTIO 1.3, 5.1.6 Device Operation ({@code struct virtio_net_hdr}), little-endian.
 *
 * <pre>
 *    0 flags   1 gso_type   2 hdr_len   4 gso_size   6 csum_start   8 csum_offset
 *   10 num_buffers                           with VERSION_1 or MRG_RXBUF
 *   12 hash_value   16 hash_report   18 padding   with HASH_REPORT
 * </pre>
 */
public final class VirtioNetHeader {
    private static final int FLAGS = 0;
    private static final int GSO_TYPE = 1;
    private static final int HDR_LEN = 2;
    private static final int GSO_SIZE = 4;
    private static final int CSUM_START = 6;
    private static final int CSUM_OFFSET = 8;
    private static final int NUM_BUFFERS = 10;
    private static final int HASH_VALUE = 12;
    private static final int HASH_REPORT = 16;

    private static final int LEGACY_BYTES = 10;
    private static final int BYTES = 12;
    private static final int BYTES_WITH_HASH = 20;

    private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private VirtioNetHeader() {}

    /** Bytes of the header under these features: 10, 12 or 20. */
    public static int bytes(long features) {
        if (GuestFeature.HASH_REPORT.in(features)) {
            return BYTES_WITH_HASH;
        }
        boolean hasNumBuffers = GuestFeature.VERSION_1.in(features) || GuestFeature.MRG_RXBUF.in(features);
        return hasNumBuffers ? BYTES : LEGACY_BYTES;
    }

    static int numBuffers(MemorySegment memory, long at, int headerBytes) {
        return headerBytes >= BYTES ? u16(memory, at + NUM_BUFFERS) : 1;
    }

    static ReceivedPacket read(
            MemorySegment memory, long at, int headerBytes, int queue, byte[] frame, int numBuffers, int usedBytes) {
        boolean hash = headerBytes >= BYTES_WITH_HASH;
        return new ReceivedPacket(
                queue,
                frame,
                memory.get(U8, at + FLAGS) & 0xFF,
                memory.get(U8, at + GSO_TYPE) & 0xFF,
                u16(memory, at + HDR_LEN),
                u16(memory, at + GSO_SIZE),
                u16(memory, at + CSUM_START),
                u16(memory, at + CSUM_OFFSET),
                numBuffers,
                hash ? memory.get(LE32, at + HASH_VALUE) : 0,
                hash ? u16(memory, at + HASH_REPORT) : 0,
                usedBytes);
    }

    /** Writes the header; num_buffers and the hash fields, which a driver does not use, become 0. */
    static void write(MemorySegment memory, long at, int headerBytes, TransmitPacket packet) {
        memory.asSlice(at, headerBytes).fill((byte) 0);
        memory.set(U8, at + FLAGS, (byte) packet.flags());
        memory.set(U8, at + GSO_TYPE, (byte) packet.gsoType());
        memory.set(LE16, at + HDR_LEN, (short) packet.hdrLen());
        memory.set(LE16, at + GSO_SIZE, (short) packet.gsoSize());
        memory.set(LE16, at + CSUM_START, (short) packet.csumStart());
        memory.set(LE16, at + CSUM_OFFSET, (short) packet.csumOffset());
    }

    private static int u16(MemorySegment memory, long at) {
        return memory.get(LE16, at) & 0xFFFF;
    }
}
