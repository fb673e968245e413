// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

/** The Toeplitz hash as its definition has it: for every input bit that is 1, the 32 key bits that start there. */
final class BitToeplitz {
    private BitToeplitz() {}

    /** Key bits beyond the end of {@code key} are 0. */
    static int hash(byte[] key, byte[] input) {
        int hash = 0;
        for (int bit = 0; bit < input.length * 8; bit++) {
            if (bitOf(input, bit) == 1) {
                hash ^= window(key, bit);
            }
        }
        return hash;
    }

    private static int window(byte[] key, int from) {
        int window = 0;
        for (int bit = 0; bit < 32; bit++) {
            window = window << 1 | bitOf(key, from + bit);
        }
        return window;
    }

    /** Bit 0 is the most significant bit of the first byte: network order. */
    private static int bitOf(byte[] bytes, int bit) {
        int index = bit / 8;
        return index < bytes.length ? bytes[index] >> 7 - bit % 8 & 1 : 0;
    }
}
