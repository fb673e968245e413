// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HexFormat;

/** Builds frames for tests. */
final class Frames {
    static final int IPV4 = 0x0800;
    static final int IPV6 = 0x86DD;
    static final int TCP = 6;
    static final int UDP = 17;
    static final int HOP_BY_HOP = 0;
    static final int ROUTING = 43;
    static final int FRAGMENT = 44;
    static final int AUTHENTICATION = 51;
    static final int NO_NEXT_HEADER = 59;
    static final int DESTINATION_OPTIONS = 60;

    private Frames() {}

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replace(" ", ""));
    }

    static byte[] u16(int value) {
        return new byte[] {(byte) (value >>> 8), (byte) value};
    }

    static byte[] zeros(int count) {
        return new byte[count];
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] address(String literal) {
        try {
            return InetAddress.getByName(literal).getAddress();
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(literal, e);
        }
    }

    static byte[] ether(int type, byte[] payload) {
        return join(hex("02 00 00 00 00 01  02 00 00 00 00 02"), u16(type), payload);
    }

    /** A tag before what follows: its EtherType goes into the tag. */
    static byte[] tag(int innerType, byte[] payload) {
        return join(u16(42), u16(innerType), payload);
    }

    /** 20 bytes. */
    static byte[] tcp(int source, int destination) {
        return join(u16(source), u16(destination), hex("00000001 00000002 5018 ffff 0000 0000"));
    }

    /** 8 bytes. */
    static byte[] udp(int source, int destination) {
        return join(u16(source), u16(destination), hex("0008 0000"));
    }

    static byte[] ipv4(String source, String destination, int fragment, int protocol, byte[] options, byte[] payload) {
        int ihl = 5 + options.length / 4;
        return join(
                new byte[] {(byte) (0x40 | ihl), 0},
                u16(4 * ihl + payload.length),
                hex("1234"),
                u16(fragment),
                new byte[] {64, (byte) protocol},
                hex("0000"),
                address(source),
                address(destination),
                options,
                payload);
    }

    static byte[] ipv4(String source, String destination, int protocol, byte[] payload) {
        return ipv4(source, destination, 0, protocol, zeros(0), payload);
    }

    /** An extension header; its first byte is filled in when it is put into a packet. */
    record Extension(int type, byte[] bytes) {}

    static byte[] ipv6(String source, String destination, int upper, byte[] payload, Extension... extensions) {
        int following = upper;
        byte[] chain = payload;
        for (int i = extensions.length - 1; i >= 0; i--) {
            byte[] header = extensions[i].bytes().clone();
            header[0] = (byte) following;
            chain = join(header, chain);
            following = extensions[i].type();
        }
        return join(
                hex("60000000"),
                u16(chain.length),
                new byte[] {(byte) following, 64},
                address(source),
                address(destination),
                chain);
    }

    static Extension hopByHop() {
        return new Extension(HOP_BY_HOP, hex("00 00 01 04 00000000"));
    }

    /** Padded to whole 8-byte units with zeros, which are Pad1 options. */
    static Extension destinationOptions(byte[]... options) {
        byte[] body = join(options);
        int units = (2 + body.length + 7) / 8;
        return new Extension(
                DESTINATION_OPTIONS,
                join(new byte[] {0, (byte) (units - 1)}, body, zeros(units * 8 - 2 - body.length)));
    }

    static byte[] option(int type, byte[] data) {
        return join(new byte[] {(byte) type, (byte) data.length}, data);
    }

    static byte[] homeAddress(String literal) {
        return option(0xC9, address(literal));
    }

    static Extension routing(int type, String address) {
        return new Extension(ROUTING, join(new byte[] {0, 2, (byte) type, 1}, zeros(4), address(address)));
    }

    /** A routing header too short for an address. */
    static Extension shortRouting(int type) {
        return new Extension(ROUTING, join(new byte[] {0, 1, (byte) type, 1}, zeros(12)));
    }

    static Extension fragment(int offsetAndFlags) {
        return new Extension(FRAGMENT, join(zeros(2), u16(offsetAndFlags), hex("cafe1234")));
    }

    /** {@code length} in 4-byte units, minus 2. */
    static Extension authentication(int length) {
        return new Extension(AUTHENTICATION, join(new byte[] {0, (byte) length}, zeros((length + 2) * 4 - 2)));
    }
}
