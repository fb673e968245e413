// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What {@link InBandProgram} puts in front of a frame. A reader of the TAP that asks for a VNET header and then for
 * {@link #BYTES} finds it there, and the frame behind it.
 *
 * <pre>
 *   0 nonce (8)   8 le32 hash   12 be16 0x88B5   14 u8 report   15 u8 flags
 * </pre>
 *
 * A VLAN tag that the kernel carried beside the frame it puts in at offset 12 when it hands out the packet: then the
 * last four bytes of the prefix come after the tag, and the tag belongs into the frame, behind its addresses.
 *
 * <pre>
 *   0 nonce (8)   8 le32 hash   12 tag (4) | 16 be16 0x88B5   18 u8 report   19 u8 flags   20 the frame without its tag
 * </pre>
 *
 * Whoever reads it compares the nonce first: a frame of the host that looks like this but for the nonce is a frame.
 */
public final class InBandPrefix {
    /** Bytes of the prefix, a tag not among them. */
    public static final int BYTES = 16;

    /** Bytes of a VLAN tag. */
    public static final int TAG_BYTES = 4;

    /** Where the tag is, if there is one, and where the rest of the prefix is then. */
    public static final int TAG = 12;

    /** The prefix's Ethernet type: local experimental. */
    public static final int TYPE = 0x88B5;

    private static final int NONCE = 0;
    private static final int HASH = 8;
    private static final int TYPE_AT = 12;
    private static final int REPORT = 14;
    private static final int FLAGS = 15;

    private static final ValueLayout.OfLong NATIVE64 = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private InBandPrefix() {}

    /** The nonce, if there is a prefix: its first eight bytes. */
    public static long nonce(MemorySegment memory, long at) {
        return memory.get(NATIVE64, at + NONCE);
    }

    /** Hash value. */
    public static int hash(MemorySegment memory, long at) {
        return memory.get(LE32, at + HASH);
    }

    /** The type, or the TPID of the tag that stands before it. */
    public static int type(MemorySegment memory, long at) {
        return Short.toUnsignedInt(memory.get(BE16, at + TYPE_AT));
    }

    /**
     * {@code VIRTIO_NET_HASH_REPORT_*}.
     *
     * @param at where the prefix begins, or {@link #TAG_BYTES} after that if it has a tag
     */
    public static int report(MemorySegment memory, long at) {
        return Byte.toUnsignedInt(memory.get(ValueLayout.JAVA_BYTE, at + REPORT));
    }

    /** Writes a prefix without a tag, as the program does. */
    public static void write(MemorySegment memory, long at, long nonce, int hash, int report) {
        memory.set(NATIVE64, at + NONCE, nonce);
        memory.set(LE32, at + HASH, hash);
        memory.set(BE16, at + TYPE_AT, (short) TYPE);
        memory.set(ValueLayout.JAVA_BYTE, at + REPORT, (byte) report);
        memory.set(ValueLayout.JAVA_BYTE, at + FLAGS, (byte) 0);
    }
}
