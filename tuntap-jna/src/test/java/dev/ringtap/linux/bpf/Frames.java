// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Frames made of parts, each part the bytes of one header. */
final class Frames {
    static final int IPV4 = 0x0800;
    static final int IPV6 = 0x86DD;
    static final int HOP_BY_HOP = 0;
    static final int TCP = 6;
    static final int UDP = 17;
    static final int ROUTING = 43;
    static final int FRAGMENT = 44;
    static final int AUTHENTICATION = 51;
    static final int NO_NEXT_HEADER = 59;
    static final int DESTINATION = 60;

    static final byte[] SOURCE4 = bytes(192, 0, 2, 77);
    static final byte[] DESTINATION4 = bytes(198, 51, 100, 200);
    static final byte[] SOURCE6 = address(0x11);
    static final byte[] DESTINATION6 = address(0x55);
    static final byte[] PORTS = bytes(0xC3, 0x51, 0x01, 0xBB);

    private Frames() {}

    static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) bytes[i] = (byte) values[i];
        return bytes;
    }

    /** 16 bytes that are no other address here. */
    static byte[] address(int seed) {
        byte[] address = new byte[16];
        for (int i = 0; i < 16; i++) address[i] = (byte) (seed + i * 37 + (i ^ seed) * 5);
        return address;
    }

    static byte[] join(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (var part : parts) all.writeBytes(part);
        return all.toByteArray();
    }

    /** Addresses, tags as {@code TPID << 16 | TCI}, type. */
    static byte[] ethernet(int type, int... tags) {
        var header = ByteBuffer.allocate(14 + 4 * tags.length);
        header.put(bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2));
        for (int tag : tags) header.putInt(tag);
        return header.putShort((short) type).array();
    }

    /** @param options a multiple of 4 bytes; {@code fragment} is the field of flags and offset */
    static byte[] ipv4(int protocol, int fragment, byte[] options, byte[] payload) {
        var header = ByteBuffer.allocate(20 + options.length + payload.length);
        header.put((byte) (0x40 | 5 + options.length / 4)).put((byte) 0).putShort((short) header.capacity());
        header.putShort((short) 0x1234)
                .putShort((short) fragment)
                .put((byte) 64)
                .put((byte) protocol);
        header.putShort((short) 0xBEEF)
                .put(SOURCE4)
                .put(DESTINATION4)
                .put(options)
                .put(payload);
        return header.array();
    }

    static byte[] ipv6(int next, byte[]... payload) {
        byte[] rest = join(payload);
        var header = ByteBuffer.allocate(40 + rest.length);
        header.putInt(0x60012345).putShort((short) rest.length).put((byte) next).put((byte) 64);
        return header.put(SOURCE6).put(DESTINATION6).put(rest).array();
    }

    static byte[] tcp() {
        return Arrays.copyOf(PORTS, 20);
    }

    static byte[] udp() {
        return Arrays.copyOf(PORTS, 8);
    }

    /** An options header; the options are filled up with zeros, each of them a Pad1, to a multiple of 8 bytes. */
    static byte[] options(int next, byte[]... options) {
        byte[] all = join(options);
        int bytes = (2 + all.length + 7) / 8 * 8;
        byte[] header = Arrays.copyOf(join(bytes(next, bytes / 8 - 1), all), bytes);
        return header;
    }

    /** {@code length} is that in the option, whatever the data have. */
    static byte[] option(int type, int length, byte[] data) {
        return join(bytes(type, length), data);
    }

    static byte[] homeAddress(byte[] address) {
        return option(0xC9, 16, address);
    }

    /** PadN of that many bytes altogether, 2 or more. */
    static byte[] padN(int bytes) {
        return option(1, bytes - 2, new byte[bytes - 2]);
    }

    /** @param extension header extension length: 8-byte units after the first 8 bytes */
    static byte[] routing(int next, int type, int extension, byte[] address) {
        byte[] header = Arrays.copyOf(join(bytes(next, extension, type, 1, 0, 0, 0, 0), address), 8 + 8 * extension);
        return header;
    }

    /** @param field offset, two reserved bits, M */
    static byte[] fragment(int next, int field) {
        return bytes(next, 0, field >> 8, field, 0, 0, 0, 1);
    }

    /** @param length payload length field: 4-byte units after the first 8 bytes */
    static byte[] authentication(int next, int length) {
        return Arrays.copyOf(bytes(next, length, 0, 0, 0, 0, 0, 1), (length + 2) * 4);
    }
}
