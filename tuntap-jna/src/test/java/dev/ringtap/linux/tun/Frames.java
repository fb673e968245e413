// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import java.nio.ByteBuffer;

/** Ethernet frames for tests, as far as the kernel looks at them. */
final class Frames {
    static final int ETHERNET_BYTES = 14;
    private static final int IPV4_BYTES = 20;
    private static final int TCP_BYTES = 20;
    static final int TCP_HEADERS_BYTES = ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES;
    static final byte[] OTHER_MAC = {2, 0, 0, 0, 0, 9};

    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};

    private Frames() {}

    /** UDP over IPv4 from port {@code port}, so that different ports are different flows. */
    static byte[] udp(int port, int payloadBytes) {
        return ipv4(
                17,
                8 + payloadBytes,
                ByteBuffer.allocate(8)
                        .putShort((short) port)
                        .putShort((short) 9)
                        .putShort((short) (8 + payloadBytes))
                        .putShort((short) 0)
                        .array());
    }

    /** TCP over IPv4 with the pseudo-header sum in place of the checksum, as a frame that is yet to be cut has it. */
    static byte[] tcp(int payloadBytes) {
        int length = TCP_BYTES + payloadBytes;
        // 10.1.0.1 and 10.1.0.2, the protocol and the length, in ones' complement.
        int sum = 0x0A01 + 0x0001 + 0x0A01 + 0x0002 + 6 + length;
        var header = ByteBuffer.allocate(TCP_BYTES).putShort((short) 7).putShort((short) 9);
        header.putInt(1).putInt(0).putShort((short) 0x5010).putShort((short) 1000);
        header.putShort((short) (sum + (sum >>> 16))).putShort((short) 0);
        return ipv4(6, length, header.array());
    }

    private static byte[] ipv4(int protocol, int length, byte[] transport) {
        var frame = ByteBuffer.allocate(ETHERNET_BYTES + IPV4_BYTES + length);
        frame.put(BROADCAST).put(OTHER_MAC).putShort((short) 0x0800);
        var header = ByteBuffer.allocate(IPV4_BYTES);
        header.putShort((short) 0x4500).putShort((short) (IPV4_BYTES + length));
        header.putInt(0).put((byte) 64).put((byte) protocol).putShort((short) 0);
        header.putInt(0x0A01_0001).putInt(0x0A01_0002);
        int sum = 0;
        for (int i = 0; i < IPV4_BYTES; i += 2) sum += Short.toUnsignedInt(header.getShort(i));
        header.putShort(10, (short) ~(sum + (sum >>> 16)));
        return frame.put(header.array()).put(transport).array();
    }

    /** An Ethernet frame of a private type, that no protocol of the host answers. */
    static byte[] experimental(int payload) {
        var frame = ByteBuffer.allocate(60);
        frame.put(BROADCAST).put(OTHER_MAC).putShort((short) 0x88B5).putInt(payload);
        return frame.array();
    }

    /** The same frame with a VLAN tag behind the addresses. */
    static byte[] tagged(byte[] frame, int tag) {
        var result = ByteBuffer.allocate(frame.length + 4);
        return result.put(frame, 0, 12)
                .putInt(tag)
                .put(frame, 12, frame.length - 12)
                .array();
    }
}
