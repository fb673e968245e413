// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.virtio.net.NetHeader;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Cuts a frame into segments, as the kernel does for a device that cannot: TCP over IPv4 and IPv6, and UDP into datagrams.
 * {@code tcp_gso_segment}, {@code __udp_gso_segment}, {@code inet_gso_segment} and {@code ipv6_gso_segment} of net/ipv4 and
 * net/ipv6. One for each sending thread; made for one frame by {@link #prepare}.
 */
final class Segmenter {
    /** Takes the segments one by one, in order. */
    interface Sink {
        /** A segment is complete; the frame is the sink's from now on. */
        void segment(Frame frame);
    }

    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int UDP_BYTES = 8;
    private static final int TCP_MIN_BYTES = 20;
    private static final int TCP_SEQUENCE = 4;
    private static final int TCP_DATA_OFFSET = 12;
    private static final int TCP_FLAGS = 13;
    private static final int FIN_PSH = 0x09;
    private static final int CWR = 0x80;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_LENGTH = 4;
    private static final int UDP_CHECKSUM = 6;

    private final IpHeaders ip = new IpHeaders();
    private byte[] source;
    private int offset;
    private int lengthBytes;
    private FrameInfo info;
    private boolean tcp;
    private int headerBytes;
    /** Of the pseudo header without the length, not folded. */
    private long pseudoSum;

    /**
     * Looks at a frame that is to be cut, or to be given to a reader who cuts.
     *
     * @param frameInfo has a {@code gsoType} of TCP, or UDP segments
     * @return bytes of all its headers, or -1 if they are not what {@code frameInfo} says, so the frame can only be dropped
     */
    int prepare(byte[] data, int begin, int length, FrameInfo frameInfo) {
        source = data;
        offset = begin;
        lengthBytes = length;
        info = frameInfo;
        int type = frameInfo.gsoType & ~NetHeader.GSO_ECN;
        tcp = type == NetHeader.GSO_TCPV4 || type == NetHeader.GSO_TCPV6;
        if (!ip.parse(data, begin, length) || ip.protocol() != (tcp ? TCP : UDP)) {
            return -1;
        }
        if (tcp && ip.version6() != (type == NetHeader.GSO_TCPV6)) {
            return -1;
        }
        int transport = ip.transportOffset();
        if (transport + (tcp ? TCP_MIN_BYTES : UDP_BYTES) > length) {
            return -1;
        }
        int transportBytes = tcp ? (data[begin + transport + TCP_DATA_OFFSET] >> 4 & 0xF) * 4 : UDP_BYTES;
        headerBytes = transport + transportBytes;
        int payloadBytes = length - headerBytes;
        boolean sane = tcp
                ? transportBytes >= TCP_MIN_BYTES && payloadBytes >= 0 && payloadBytes > frameInfo.gsoSize
                : payloadBytes > frameInfo.gsoSize;
        if (!sane) {
            return -1;
        }
        pseudoSum = pseudoSum(length - transport);
        return headerBytes;
    }

    /**
     * What stands in the checksum field, less the length: the sender knows his addresses better than the frame does, if there
     * is a routing header. A sender who left no sum has his made here.
     */
    private long pseudoSum(int transportLength) {
        if (!info.needsChecksum()) {
            return ip.pseudoSum();
        }
        int at = offset + ip.transportOffset() + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
        return be16(source, at) + (long) (~InternetSum.fold(transportLength) & 0xFFFF);
    }

    /** Where the transport header begins; of the frame prepared last. */
    int transportOffset() {
        return ip.transportOffset();
    }

    /** Makes the frame prepared last one whose checksum is left to the reader, in a copy that is not cut. */
    void leaveChecksum(Frame whole) {
        int transport = ip.transportOffset();
        int field = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
        put16(whole.data, transport + field, InternetSum.fold(pseudoSum + (lengthBytes - transport)));
        whole.info.needsChecksum(transport, field);
    }

    /**
     * Cuts the frame prepared last.
     *
     * @param leaveChecksums whether the reader makes the checksums
     */
    void cut(FramePool pool, boolean leaveChecksums, Sink sink) {
        int payloadBytes = lengthBytes - headerBytes;
        int size = info.gsoSize;
        int number = 0;
        for (int done = 0; done < payloadBytes; done += size, number++) {
            int piece = Math.min(size, payloadBytes - done);
            Frame segment = pool.take(headerBytes + piece);
            System.arraycopy(source, offset, segment.data, 0, headerBytes);
            System.arraycopy(source, offset + headerBytes + done, segment.data, headerBytes, piece);
            segment.lengthBytes = headerBytes + piece;
            segment.info.clear().vlan(info.vlanProtocol, info.vlanTci);
            ip.fix(segment.data, segment.lengthBytes, number);
            boolean last = done + piece == payloadBytes;
            fixTransport(segment, number, done, last, leaveChecksums);
            sink.segment(segment);
        }
    }

    private void fixTransport(Frame segment, int number, int done, boolean last, boolean leaveChecksum) {
        byte[] data = segment.data;
        int transport = ip.transportOffset();
        int transportLength = segment.lengthBytes - transport;
        if (tcp) {
            put32(data, transport + TCP_SEQUENCE, be32(data, transport + TCP_SEQUENCE) + done);
            // What ends the data belongs to the last segment, what answers a congestion mark to the first.
            int cleared = (last ? 0 : FIN_PSH) | (number == 0 ? 0 : CWR);
            data[transport + TCP_FLAGS] &= (byte) ~cleared;
        } else {
            put16(data, transport + UDP_LENGTH, transportLength);
        }
        int field = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
        long pseudo = pseudoSum + transportLength;
        if (leaveChecksum) {
            put16(data, transport + field, InternetSum.fold(pseudo));
            segment.info.needsChecksum(transport, field);
            return;
        }
        put16(data, transport + field, 0);
        long sum = InternetSum.add(pseudo, data, transport, transportLength);
        put16(data, transport + field, tcp ? InternetSum.checksum(sum) : InternetSum.nonZeroChecksum(sum));
    }

    private static int be16(byte[] data, int at) {
        return (short) BE16.get(data, at) & 0xFFFF;
    }

    private static int be32(byte[] data, int at) {
        return (int) BE32.get(data, at);
    }

    private static void put16(byte[] data, int at, int value) {
        BE16.set(data, at, (short) value);
    }

    private static void put32(byte[] data, int at, int value) {
        BE32.set(data, at, value);
    }
}
