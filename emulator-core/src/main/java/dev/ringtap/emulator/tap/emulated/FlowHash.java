// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.SecureRandom;

/**
 * The hash of a flow for automatic steering: the same for both directions, of addresses, protocol and ports, never 0. What
 * counts as a flow follows the kernel's flow dissector as far as the header that carries ports; its value is not the kernel's,
 * which nobody can see. Tunnels are not looked into.
 */
final class FlowHash {
    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private static final int ETHERNET_BYTES = 14;
    private static final int TAG_BYTES = 4;
    private static final int MAX_TAGS = 8;
    private static final int IPV4_MIN_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int MAX_EXTENSIONS = 16;

    private final long seed = new SecureRandom().nextLong();

    /** The hash of the frame at {@code [offset, offset + lengthBytes)}. */
    int of(byte[] data, int offset, int lengthBytes) {
        int end = offset + lengthBytes;
        int at = offset + ETHERNET_BYTES;
        if (at > end) {
            return finish(seed);
        }
        int type = be16(data, at - 2);
        for (int tags = 0; isTag(type) && tags < MAX_TAGS && at + TAG_BYTES <= end; tags++) {
            type = be16(data, at + 2);
            at += TAG_BYTES;
        }
        long hash = mix(seed, type);
        if (type == 0x0800 && at + IPV4_MIN_BYTES <= end) {
            return ofIpv4(hash, data, at, end);
        }
        if (type == 0x86DD && at + IPV6_BYTES <= end) {
            return ofIpv6(hash, data, at, end);
        }
        return finish(hash);
    }

    private static int ofIpv4(long start, byte[] data, int at, int end) {
        long hash = pair(start, be32(data, at + 12) & 0xFFFFFFFFL, be32(data, at + 16) & 0xFFFFFFFFL);
        int protocol = data[at + 9] & 0xFF;
        int headerBytes = (data[at] & 0xF) * 4;
        // A fragment has no ports, or ones that the others of its datagram lack.
        boolean fragment = (be16(data, at + 6) & 0x3FFF) != 0;
        return ports(mix(hash, protocol), fragment ? 0 : protocol, data, at + headerBytes, end);
    }

    private static int ofIpv6(long start, byte[] data, int at, int end) {
        long source = mix((long) BE64.get(data, at + 8), (long) BE64.get(data, at + 16));
        long target = mix((long) BE64.get(data, at + 24), (long) BE64.get(data, at + 32));
        long hash = pair(start, source, target);
        int next = data[at + 6] & 0xFF;
        int header = at + IPV6_BYTES;
        for (int i = 0; i < MAX_EXTENSIONS && header + 8 <= end; i++) {
            if (next == 44) {
                // Fragment header.
                return finish(mix(hash, data[header] & 0xFF));
            }
            if (next != 0 && next != 43 && next != 60) {
                break;
            }
            next = data[header] & 0xFF;
            header += ((data[header + 1] & 0xFF) + 1) * 8;
        }
        return ports(mix(hash, next), next, data, header, end);
    }

    private static int ports(long hash, int protocol, byte[] data, int at, int end) {
        int where = switch (protocol) {
            // TCP, UDP, DCCP, ESP (its SPI), SCTP, UDP-Lite.
            case 6, 17, 33, 50, 132, 136 -> at;
            // AH has its SPI behind the first word.
            case 51 -> at + 4;
            default -> -1;
        };
        if (where < 0 || where + 4 > end) {
            return finish(hash);
        }
        return finish(pair(hash, be16(data, where), be16(data, where + 2)));
    }

    /** Of two values, in whichever order. */
    private static long pair(long hash, long one, long other) {
        long low = Math.min(one, other);
        return mix(mix(hash, low), one ^ other ^ low);
    }

    // The finalizer of SplitMix64: every bit of the input moves every bit of the output.
    private static long mix(long hash, long value) {
        long z = (hash ^ value) + 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    private static int finish(long hash) {
        int folded = (int) (hash >>> 32);
        return folded == 0 ? 1 : folded;
    }

    private static boolean isTag(int type) {
        return type == 0x8100 || type == 0x88A8;
    }

    private static int be16(byte[] data, int at) {
        return (short) BE16.get(data, at) & 0xFFFF;
    }

    private static int be32(byte[] data, int at) {
        return (int) BE32.get(data, at);
    }
}
