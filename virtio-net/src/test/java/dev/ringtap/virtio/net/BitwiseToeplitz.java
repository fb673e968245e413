// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/** The definition of the Toeplitz hash, bit by bit: a 32-bit window slides over the key, one bit per input bit. */
final class BitwiseToeplitz {
    private BitwiseToeplitz() {}

    static int hash(byte[] key, byte[] input) {
        int hash = 0;
        for (int bit = 0; bit < input.length * 8; bit++) {
            if (bit(input, bit)) {
                int window = 0;
                for (int k = 0; k < 32; k++) {
                    window = window << 1 | (bit(key, bit + k) ? 1 : 0);
                }
                hash ^= window;
            }
        }
        return hash;
    }

    private static boolean bit(byte[] bytes, int index) {
        return index / 8 < bytes.length && (bytes[index / 8] >> 7 - index % 8 & 1) != 0;
    }
}
