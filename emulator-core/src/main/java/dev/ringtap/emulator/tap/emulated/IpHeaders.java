// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Where the headers of a frame are, and how a piece of its data gets its own. Reusable. */
final class IpHeaders {
    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);

    private static final int ETHERNET_BYTES = 14;
    private static final int TAG_BYTES = 4;
    private static final int MAX_TAGS = 8;
    private static final int IPV4_MIN_BYTES = 20;
    private static final int IPV4_LENGTH = 2;
    private static final int IPV4_ID = 4;
    private static final int IPV4_CHECKSUM = 10;
    private static final int IPV4_ADDRESSES = 12;
    private static final int IPV6_BYTES = 40;
    private static final int IPV6_LENGTH = 4;
    private static final int IPV6_ADDRESSES = 8;
    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int DESTINATION = 60;

    private boolean version6;
    private int networkOffset;
    private int transportOffset;
    private int protocol;
    /** Where the number of the first header that a fragment does not repeat stands. */
    private int nextHeaderAt;

    private long pseudoSum;

    /** @return false if this is no IP packet with all its headers */
    boolean parse(byte[] data, int offset, int lengthBytes) {
        int at = ETHERNET_BYTES;
        if (lengthBytes < at) {
            return false;
        }
        int type = be16(data, offset + at - 2);
        for (int tags = 0; (type == 0x8100 || type == 0x88A8) && tags < MAX_TAGS; tags++) {
            if (at + TAG_BYTES > lengthBytes) {
                return false;
            }
            type = be16(data, offset + at + 2);
            at += TAG_BYTES;
        }
        networkOffset = at;
        return switch (type) {
            case 0x0800 -> parse4(data, offset, lengthBytes);
            case 0x86DD -> parse6(data, offset, lengthBytes);
            default -> false;
        };
    }

    private boolean parse4(byte[] data, int offset, int lengthBytes) {
        version6 = false;
        int at = offset + networkOffset;
        if (networkOffset + IPV4_MIN_BYTES > lengthBytes || (data[at] >> 4 & 0xF) != 4) {
            return false;
        }
        int headerBytes = (data[at] & 0xF) * 4;
        transportOffset = networkOffset + headerBytes;
        protocol = data[at + 9] & 0xFF;
        pseudoSum = InternetSum.add(protocol, data, at + IPV4_ADDRESSES, 8);
        return headerBytes >= IPV4_MIN_BYTES && transportOffset <= lengthBytes;
    }

    private boolean parse6(byte[] data, int offset, int lengthBytes) {
        version6 = true;
        int at = offset + networkOffset;
        if (networkOffset + IPV6_BYTES > lengthBytes || (data[at] >> 4 & 0xF) != 6) {
            return false;
        }
        nextHeaderAt = networkOffset + 6;
        int next = data[at + 6] & 0xFF;
        int header = networkOffset + IPV6_BYTES;
        while (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) {
            if (header + 8 > lengthBytes) {
                return false;
            }
            nextHeaderAt = header;
            next = data[offset + header] & 0xFF;
            header += ((data[offset + header + 1] & 0xFF) + 1) * 8;
        }
        transportOffset = header;
        protocol = next;
        pseudoSum = InternetSum.add(protocol, data, at + IPV6_ADDRESSES, 32);
        return header <= lengthBytes;
    }

    boolean version6() {
        return version6;
    }

    int networkOffset() {
        return networkOffset;
    }

    /** From the frame's begin, behind the extension headers that a segment repeats. */
    int transportOffset() {
        return transportOffset;
    }

    /** Of the transport header. */
    int protocol() {
        return protocol;
    }

    /** From the frame's begin: the byte that names what is at {@link #transportOffset}. */
    int nextHeaderAt() {
        return nextHeaderAt;
    }

    /** Sum of the pseudo header without the length, not folded. */
    long pseudoSum() {
        return pseudoSum;
    }

    /**
     * Makes the IP header of a piece right that begins with a copy of all headers parsed last.
     *
     * @param lengthBytes of the piece, a whole frame
     * @param idStep added to the IPv4 identification
     */
    void fix(byte[] data, int lengthBytes, int idStep) {
        int at = networkOffset;
        if (version6) {
            put16(data, at + IPV6_LENGTH, lengthBytes - at - IPV6_BYTES);
            return;
        }
        put16(data, at + IPV4_LENGTH, lengthBytes - at);
        put16(data, at + IPV4_ID, be16(data, at + IPV4_ID) + idStep);
        sumIpv4(data);
    }

    /** Makes the checksum of the IPv4 header right. */
    void sumIpv4(byte[] data) {
        put16(data, networkOffset + IPV4_CHECKSUM, 0);
        int sum = InternetSum.checksum(InternetSum.add(0, data, networkOffset, transportOffset - networkOffset));
        put16(data, networkOffset + IPV4_CHECKSUM, sum);
    }

    private static int be16(byte[] data, int at) {
        return (short) BE16.get(data, at) & 0xFFFF;
    }

    private static void put16(byte[] data, int at, int value) {
        BE16.set(data, at, (short) value);
    }
}
