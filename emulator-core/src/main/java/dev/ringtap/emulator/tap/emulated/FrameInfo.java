// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.virtio.net.NetHeader;

/**
 * What is known of a frame beside its bytes: the offload fields of the virtio-net header, and a VLAN tag that hardware
 * would have taken off. Mutable, so that one object serves for many frames; not thread-safe. Zero everywhere is a finished
 * frame without a tag.
 */
public final class FrameInfo {
    private static final int ETH_P_8021Q = 0x8100;

    int flags;
    int gsoType;
    int headerBytes;
    int gsoSize;
    int checksumStart;
    int checksumOffset;
    int vlanProtocol;
    int vlanTci;

    /** A finished frame without a VLAN tag. */
    public FrameInfo clear() {
        flags = 0;
        gsoType = NetHeader.GSO_NONE;
        headerBytes = 0;
        gsoSize = 0;
        checksumStart = 0;
        checksumOffset = 0;
        vlanProtocol = 0;
        vlanTci = 0;
        return this;
    }

    /** Takes over all of another one's fields. */
    public FrameInfo set(FrameInfo other) {
        flags = other.flags;
        gsoType = other.gsoType;
        headerBytes = other.headerBytes;
        gsoSize = other.gsoSize;
        checksumStart = other.checksumStart;
        checksumOffset = other.checksumOffset;
        vlanProtocol = other.vlanProtocol;
        vlanTci = other.vlanTci;
        return this;
    }

    /**
     * The checksum is missing: the sum from {@code start} to the frame's end goes to {@code start + offset}, where the sum
     * of the pseudo header stands.
     *
     * @param start in bytes from the frame's begin
     */
    public FrameInfo needsChecksum(int start, int offset) {
        flags |= NetHeader.F_NEEDS_CSUM;
        checksumStart = start;
        checksumOffset = offset;
        return this;
    }

    /**
     * A frame to be cut into segments.
     *
     * @param type {@code NetHeader.GSO_*}, perhaps with {@link NetHeader#GSO_ECN}
     * @param sizeBytes payload of each segment but the last
     * @param allHeadersBytes that each segment repeats, a hint only; 0 if not known
     */
    public FrameInfo segments(int type, int sizeBytes, int allHeadersBytes) {
        gsoType = type;
        gsoSize = sizeBytes;
        headerBytes = allHeadersBytes;
        return this;
    }

    /** A tag of EtherType 0x8100 beside the frame. */
    public FrameInfo vlan(int tci) {
        return vlan(ETH_P_8021Q, tci);
    }

    /** A tag beside the frame; {@code protocol} is 0x8100 or 0x88a8. */
    public FrameInfo vlan(int protocol, int tci) {
        vlanProtocol = protocol;
        vlanTci = tci;
        return this;
    }

    /** {@code NetHeader.F_*} bits. */
    public int flags() {
        return flags;
    }

    /** Whether the checksum is missing. */
    public boolean needsChecksum() {
        return (flags & NetHeader.F_NEEDS_CSUM) != 0;
    }

    /** {@code NetHeader.GSO_*}, perhaps with {@link NetHeader#GSO_ECN}; 0 if there is nothing to cut. */
    public int gsoType() {
        return gsoType;
    }

    /** Bytes of all headers, as whoever sent the frame says. */
    public int headerBytes() {
        return headerBytes;
    }

    /** Payload bytes of a segment. */
    public int gsoSize() {
        return gsoSize;
    }

    /** Where summing begins. */
    public int checksumStart() {
        return checksumStart;
    }

    /** Where the sum goes, from {@link #checksumStart}. */
    public int checksumOffset() {
        return checksumOffset;
    }

    /** Whether a VLAN tag lies beside the frame. */
    public boolean vlanPresent() {
        return vlanProtocol != 0;
    }

    /** EtherType of the tag beside the frame, 0 if there is none. */
    public int vlanProtocol() {
        return vlanProtocol;
    }

    /** Tag control information of the tag beside the frame. */
    public int vlanTci() {
        return vlanTci;
    }

    @Override
    public String toString() {
        return "flags 0x%x, gso %d of %d, headers %d, checksum %d+%d, vlan %04x:%04x"
                .formatted(flags, gsoType, gsoSize, headerBytes, checksumStart, checksumOffset, vlanProtocol, vlanTci);
    }
}
