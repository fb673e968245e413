// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.util.Arrays;

/** The Toeplitz hash by its definition, one bit after the other: for every set bit of the input, 32 bits of the key. */
final class BitwiseToeplitz {
    private BitwiseToeplitz() {}

    static int hash(byte[] key, byte[] input) {
        byte[] padded = Arrays.copyOf(key, 40);
        int hash = 0;
        for (int bit = 0; bit < input.length * 8; bit++) {
            if ((input[bit / 8] & 0x80 >> bit % 8) == 0) continue;
            int window = 0;
            for (int i = bit; i < bit + 32; i++) window = window << 1 | padded[i / 8] >> 7 - i % 8 & 1;
            hash ^= window;
        }
        return hash;
    }

    /** The table that a configuration carries, with every hash rotated to the right. */
    static int[] table(byte[] key, int rotation) {
        int[] table = new int[SteeringConfig.TOEPLITZ_ENTRIES];
        byte[] input = new byte[SteeringConfig.HASH_INPUT_BYTES];
        for (int i = 0; i < input.length; i++) {
            for (int value = 0; value < 256; value++) {
                input[i] = (byte) value;
                // One byte differs from zero, so nothing but its own eight bits counts.
                int hash = 0;
                for (int bit = 0; bit < 8; bit++)
                    if ((value & 0x80 >> bit) != 0)
                        hash ^= value == 0x80 >> bit ? hash(key, input) : table[i * 256 + (0x80 >> bit)];
                table[i * 256 + value] = hash;
            }
            input[i] = 0;
        }
        for (int i = 0; i < table.length; i++) table[i] = Integer.rotateRight(table[i], rotation);
        return table;
    }
}
