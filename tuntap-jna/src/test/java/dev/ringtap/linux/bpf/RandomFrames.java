// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static dev.ringtap.linux.bpf.Frames.bytes;
import static dev.ringtap.linux.bpf.Frames.join;

import java.util.Arrays;
import java.util.Random;

/** Frames of random parts that matter for the hash, then damaged. */
final class RandomFrames {
    private final Random random;

    RandomFrames(Random random) {
        this.random = random;
    }

    byte[] next() {
        boolean six = random.nextInt(4) != 0;
        int[] tags = new int[random.nextInt(10) < 6 ? 0 : random.nextInt(4)];
        for (int i = 0; i < tags.length; i++)
            tags[i] = (random.nextBoolean() ? 0x8100 : 0x88A8) << 16 | random.nextInt(0x10000);
        int type = random.nextInt(30) == 0 ? random.nextInt(0x10000) : six ? Frames.IPV6 : Frames.IPV4;
        byte[] frame = join(Frames.ethernet(type, tags), six ? ipv6() : ipv4());
        if (random.nextInt(4) == 0) frame = Arrays.copyOf(frame, 1 + random.nextInt(frame.length));
        if (random.nextInt(4) == 0) {
            for (int n = 1 + random.nextInt(3); n > 0; n--)
                frame[random.nextInt(frame.length)] = (byte) random.nextInt(256);
        }
        return frame;
    }

    private byte[] ipv4() {
        byte[] packet = Frames.ipv4(
                protocol(),
                random.nextInt(3) == 0 ? random.nextInt(0x10000) : 0x4000,
                random(4 * (random.nextBoolean() ? 0 : random.nextInt(11))),
                random(random.nextInt(40)));
        byte[] addresses = random(8);
        System.arraycopy(addresses, 0, packet, 12, 8);
        return packet;
    }

    private byte[] ipv6() {
        int headers = random.nextInt(3) == 0 ? 0 : random.nextInt(random.nextInt(4) == 0 ? 15 : 5);
        int next = random.nextInt(8) == 0 ? random.nextInt(256) : protocol();
        byte[] rest = random(random.nextInt(40));
        // From the last header to the first, since each says what follows.
        for (int i = 0; i < headers; i++) {
            int kind = new int[] {0, 43, 43, 60, 60, 60, 44, 51}[random.nextInt(8)];
            rest = join(extension(kind, next), rest);
            next = kind;
        }
        byte[] packet = Frames.ipv6(next, rest);
        byte[] addresses = random(32);
        System.arraycopy(addresses, 0, packet, 8, 32);
        return packet;
    }

    private byte[] extension(int kind, int next) {
        return switch (kind) {
            case 43 -> {
                int type = random.nextInt(3) == 0 ? random.nextInt(6) : 2;
                yield Frames.routing(next, type, random.nextInt(5), random(16));
            }
            case 44 -> Frames.fragment(next, random.nextInt(3) == 0 ? random.nextInt(0x10000) : random.nextInt(4) * 2);
            case 51 -> Frames.authentication(next, random.nextInt(12));
            default -> {
                byte[] options = {};
                for (int n = random.nextInt(random.nextInt(4) == 0 ? 40 : 4); n > 0; n--)
                    options = join(options, option());
                byte[] header = Frames.options(next, options);
                if (random.nextInt(12) == 0) header[1] = (byte) random.nextInt(header.length / 8 + 2);
                yield header;
            }
        };
    }

    private byte[] option() {
        return switch (random.nextInt(6)) {
            case 0, 1 -> bytes(0);
            case 2 -> Frames.padN(2 + random.nextInt(6));
            case 3 -> Frames.option(random.nextInt(256), random.nextInt(4), random(random.nextInt(4)));
            case 4 -> Frames.option(0xC9, 14 + random.nextInt(4), random(14 + random.nextInt(4)));
            default -> Frames.homeAddress(random(16));
        };
    }

    private int protocol() {
        return new int[] {Frames.TCP, Frames.TCP, Frames.UDP, Frames.UDP, 58, 1, Frames.NO_NEXT_HEADER}
                [random.nextInt(7)];
    }

    private byte[] random(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }
}
