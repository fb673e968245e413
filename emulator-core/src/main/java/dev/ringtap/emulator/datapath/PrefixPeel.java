// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.linux.bpf.InBandPrefix;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Takes the prefix of the in-band hash off a packet that was just read, where there is one ({@link InBandPrefix}).
 *
 * <p>A read puts TAP header and the next 16 bytes into memory of our own, the <em>front</em>, and what follows into the
 * guest's buffers. So no byte of a prefix lands there, whatever was expected:
 *
 * <pre>
 *   expected a prefix     front: TAP header | prefix           buffers: room for the virtio-net header | frame
 *   expected none         front: TAP header | frame 0 to 15    buffers: room for the virtio-net header | 16 free | frame from 16
 * </pre>
 *
 * A packet that is as expected stays where it is; at most 16 bytes are copied. Any other one is moved by 16 bytes. (Of a
 * prefix that has a VLAN tag in its middle the last four bytes, which are no secret, lie in the buffers until the frame's
 * addresses are put over them.)
 *
 * <p>Owner loop's thread only.
 */
final class PrefixPeel {
    /** Bytes of the front behind the TAP header. */
    static final int BYTES = InBandPrefix.BYTES;

    /** What {@link #peel} answers if a prefix has no frame behind it. */
    static final int NO_FRAME = -1;

    private static final int ADDRESSES_BYTES = 12;
    private static final int TPID_CUSTOMER = 0x8100;
    private static final int TPID_SERVICE = 0x88A8;
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final long nonce;
    private final FrameRoom room;
    private final MemorySegment beginning;
    private boolean prefixed;
    private int hash;
    private int report;

    /** @param nonce of the prefixes that are ours */
    PrefixPeel(long nonce, FrameRoom room, Arena arena) {
        this.nonce = nonce;
        this.room = room;
        beginning = arena.allocate(InBandPrefix.TAG_BYTES + ADDRESSES_BYTES, 8);
    }

    /**
     * Brings a packet's frame to {@code frameAt} in its slot's room, and the TAP header to what it says of the frame.
     *
     * @param fronts holds the slot's front at {@code front}: a TAP header of {@code tapHeaderBytes}, and {@link #BYTES}
     * @param packetBytes what was read behind the TAP header
     * @param restAt where in the room it lies, but for its first {@link #BYTES}
     * @return bytes of the frame, or {@link #NO_FRAME}
     */
    int peel(
            int slot,
            MemorySegment fronts,
            long front,
            int tapHeaderBytes,
            int packetBytes,
            long restAt,
            long frameAt) {
        long prefix = front + tapHeaderBytes;
        int rest = packetBytes - BYTES;
        prefixed = rest >= 0 && InBandPrefix.nonce(fronts, prefix) == nonce;
        if (rest > FrameRoom.READ_BYTES || prefixed && !takePrefix(slot, fronts, prefix, rest, restAt)) {
            // Longer than any frame there is room for; or ours, and changed by somebody behind us: no frame to hand on.
            return NO_FRAME;
        }
        if (!prefixed) {
            if (rest > 0 && restAt != frameAt + BYTES) {
                room.move(slot, restAt, frameAt + BYTES, rest);
            }
            room.copyIn(slot, frameAt, fronts, prefix, Math.min(packetBytes, BYTES));
            return packetBytes;
        }
        if (rest < ADDRESSES_BYTES) {
            return NO_FRAME;
        }
        if (restAt != frameAt) {
            room.move(slot, restAt, frameAt, rest);
        }
        fixHeader(fronts, front);
        return rest;
    }

    private boolean takePrefix(int slot, MemorySegment fronts, long prefix, int rest, long restAt) {
        int type = InBandPrefix.type(fronts, prefix);
        hash = InBandPrefix.hash(fronts, prefix);
        if (type == InBandPrefix.TYPE) {
            report = InBandPrefix.report(fronts, prefix);
        } else if ((type == TPID_CUSTOMER || type == TPID_SERVICE) && rest >= beginning.byteSize()) {
            // After the tag came what the front had no room for. It lies where the guest could rewrite it, so it
            // is read once, and the nonce alone says whether this is a prefix: a guest that made it look like
            // none would be handed the nonce.
            room.copyOut(slot, restAt, beginning, 0, beginning.byteSize());
            long before = -InBandPrefix.TAG;
            report = InBandPrefix.type(beginning, before) == InBandPrefix.TYPE
                    ? InBandPrefix.report(beginning, before)
                    : HashReport.NONE;
            room.copyIn(slot, restAt, beginning, InBandPrefix.TAG_BYTES, ADDRESSES_BYTES);
            room.copyIn(slot, restAt + ADDRESSES_BYTES, fronts, prefix + InBandPrefix.TAG, InBandPrefix.TAG_BYTES);
        } else {
            return false;
        }
        if (report > HashReport.UDPV6_EX) {
            report = HashReport.NONE;
        }
        if (report == HashReport.NONE) {
            hash = 0;
        }
        return true;
    }

    /** The TAP counts from the beginning of what it was given, the prefix. */
    private static void fixHeader(MemorySegment fronts, long front) {
        if ((fronts.get(ValueLayout.JAVA_BYTE, front + NetHeader.FLAGS) & NetHeader.F_NEEDS_CSUM) != 0) {
            moveBack(fronts, front + NetHeader.CSUM_START);
        }
        if (fronts.get(LE16, front + NetHeader.HDR_LEN) != 0) {
            moveBack(fronts, front + NetHeader.HDR_LEN);
        }
    }

    private static void moveBack(MemorySegment fronts, long field) {
        fronts.set(LE16, field, (short) (fronts.get(LE16, field) - BYTES));
    }

    /** Whether the last packet had a prefix. */
    boolean prefixed() {
        return prefixed;
    }

    /** Hash value in the last packet's prefix; 0 when {@link #report} is 0. */
    int hash() {
        return hash;
    }

    /** {@code VIRTIO_NET_HASH_REPORT_*} in the last packet's prefix. */
    int report() {
        return report;
    }
}
