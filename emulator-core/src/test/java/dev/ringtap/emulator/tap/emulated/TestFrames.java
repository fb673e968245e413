// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.nio.ByteBuffer;

/** Frames for tests, and what is to be checked in them; written without the code under test. */
final class TestFrames {
    static final int ETHERNET = 14;
    static final int TCP = 6;
    static final int UDP = 17;
    private static final byte[] MACS = {-1, -1, -1, -1, -1, -1, 2, 0, 0, 0, 0, 9};

    private TestFrames() {}

    /** A frame of a private type that no protocol of the host answers, 60 bytes, with a number in it. */
    static byte[] plain(int number) {
        return ByteBuffer.allocate(60)
                .put(MACS)
                .putShort((short) 0x88B5)
                .putInt(number)
                .array();
    }

    /** Payload of a pattern that differs from byte to byte. */
    static byte[] payload(int bytes) {
        byte[] payload = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            payload[i] = (byte) (i * 7 + (i >> 8) + 1);
        }
        return payload;
    }

    /** UDP over IPv4 with the sum of the pseudo header where the checksum goes. */
    static byte[] udp4(int from, int to, int payloadBytes) {
        return ipv4(UDP, udp(from, to, payloadBytes), false);
    }

    /** The same from the other side: addresses and ports swapped. */
    static byte[] udp4Back(int from, int to, int payloadBytes) {
        return ipv4(UDP, udp(to, from, payloadBytes), true);
    }

    static byte[] udp6(int from, int to, int payloadBytes) {
        return ipv6(UDP, udp(from, to, payloadBytes), new byte[0]);
    }

    /** TCP over IPv4 with flags and the sum of the pseudo header where the checksum goes; the identification is 0x1234. */
    static byte[] tcp4(int flags, int payloadBytes) {
        return ipv4(TCP, tcp(flags, payloadBytes), false);
    }

    /** TCP over IPv6, behind a hop-by-hop header if asked for. */
    static byte[] tcp6(int flags, int payloadBytes, boolean hopByHop) {
        byte[] options = hopByHop ? new byte[] {TCP, 0, 1, 4, 0, 0, 0, 0} : new byte[0];
        return ipv6(TCP, tcp(flags, payloadBytes), options);
    }

    private static byte[] udp(int from, int to, int payloadBytes) {
        return ByteBuffer.allocate(8 + payloadBytes)
                .putShort((short) from)
                .putShort((short) to)
                .putShort((short) (8 + payloadBytes))
                .putShort((short) 0)
                .put(payload(payloadBytes))
                .array();
    }

    // 32 bytes of header: with options, so that nobody can take 20 for granted.
    private static byte[] tcp(int flags, int payloadBytes) {
        return ByteBuffer.allocate(32 + payloadBytes)
                .putShort((short) 7)
                .putShort((short) 9)
                .putInt(0xFFFF_FF00)
                .putInt(0x0102_0304)
                .putShort((short) (0x8000 | flags))
                .putShort((short) 1000)
                .putInt(0)
                .put(new byte[] {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
                .put(payload(payloadBytes))
                .array();
    }

    private static byte[] ipv4(int protocol, byte[] transport, boolean back) {
        var header = ByteBuffer.allocate(20)
                .putShort((short) 0x4500)
                .putShort((short) (20 + transport.length))
                .putShort((short) 0x1234)
                .putShort((short) 0)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(back ? 0x0A01_0002 : 0x0A01_0001)
                .putInt(back ? 0x0A01_0001 : 0x0A01_0002);
        header.putShort(10, (short) ~sum(header.array(), 0, 20, 0));
        int pseudo = sum(header.array(), 12, 8, protocol + transport.length);
        return frame(0x0800, header.array(), new byte[0], transport, protocol, pseudo);
    }

    private static byte[] ipv6(int protocol, byte[] transport, byte[] options) {
        var header = ByteBuffer.allocate(40)
                .putInt(0x6000_0000)
                .putShort((short) (options.length + transport.length))
                .put((byte) (options.length > 0 ? 0 : protocol))
                .put((byte) 64)
                .putLong(0xFD00_0000_0000_0000L)
                .putLong(1)
                .putLong(0xFD00_0000_0000_0000L)
                .putLong(2);
        int pseudo = sum(header.array(), 8, 32, protocol + transport.length);
        return frame(0x86DD, header.array(), options, transport, protocol, pseudo);
    }

    private static byte[] frame(int type, byte[] ip, byte[] options, byte[] transport, int protocol, int pseudo) {
        ByteBuffer.wrap(transport).putShort(protocol == TCP ? 16 : 6, (short) pseudo);
        return ByteBuffer.allocate(ETHERNET + ip.length + options.length + transport.length)
                .put(MACS)
                .putShort((short) type)
                .put(ip)
                .put(options)
                .put(transport)
                .array();
    }

    /** A tag of EtherType 0x8100 behind the addresses. */
    static byte[] tagged(byte[] frame, int tci) {
        return ByteBuffer.allocate(frame.length + 4)
                .put(frame, 0, 12)
                .putShort((short) 0x8100)
                .putShort((short) tci)
                .put(frame, 12, frame.length - 12)
                .array();
    }

    /** Ones' complement sum in 16 bits, not inverted. */
    static int sum(byte[] bytes, int offset, int length, int start) {
        int sum = start;
        for (int i = 0; i < length; i++) {
            int value = bytes[offset + i] & 0xFF;
            sum += i % 2 == 0 ? value << 8 : value;
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return (sum & 0xFFFF) + (sum >>> 16);
    }

    static int be16(byte[] bytes, int at) {
        return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
    }

    static int be32(byte[] bytes, int at) {
        return be16(bytes, at) << 16 | be16(bytes, at + 2);
    }

    /** Whether an IPv4 or IPv6 frame's transport checksum is right; {@code transport} is where that header begins. */
    static boolean transportSumRight(byte[] frame, int network, int transport, int protocol) {
        boolean version6 = (frame[network] & 0xF0) == 0x60;
        int addresses = version6 ? network + 8 : network + 12;
        int length = frame.length - transport;
        int pseudo = sum(frame, addresses, version6 ? 32 : 8, protocol + length);
        return sum(frame, transport, length, pseudo) == 0xFFFF;
    }

    /** Whether the header's checksum of an IPv4 frame is right. */
    static boolean headerSumRight(byte[] frame, int network) {
        return sum(frame, network, (frame[network] & 0xF) * 4, 0) == 0xFFFF;
    }

    /** The header that a guest writes, of 12 bytes or more. */
    static byte[] header(int bytes, int flags, int gsoType, int headers, int gsoSize, int start, int offset) {
        return ByteBuffer.allocate(bytes)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .put((byte) flags)
                .put((byte) gsoType)
                .putShort((short) headers)
                .putShort((short) gsoSize)
                .putShort((short) start)
                .putShort((short) offset)
                .array();
    }

    static byte[] join(byte[] first, byte[] second) {
        return ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .array();
    }
}
