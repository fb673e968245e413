// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A stream whose every byte follows from a seed, as the guest's {@code tcpstream} makes it: the eight bytes at offset 8 i
 * are number i of the SplitMix64 sequence, least significant byte first. A receiver can so name the first wrong byte.
 */
final class KnownStream {
    private static final int PIECE_BYTES = 1 << 16;
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private final long seed;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    KnownStream(long seed) {
        this.seed = seed;
    }

    /** Writes the first {@code bytes} bytes of the stream. */
    void writeTo(OutputStream out, long bytes) throws IOException {
        for (long done = 0; done < bytes; done += PIECE_BYTES) {
            fill(done);
            out.write(piece.array(), 0, (int) Math.min(PIECE_BYTES, bytes - done));
        }
    }

    /**
     * Reads to the end and compares.
     *
     * @return how many bytes came
     * @throws AssertionError at the first byte that is not the stream's
     */
    long compareWith(InputStream in) throws IOException {
        byte[] got = new byte[PIECE_BYTES];
        for (long done = 0; ; done += PIECE_BYTES) {
            int length = in.readNBytes(got, 0, PIECE_BYTES);
            fill(done);
            int different = Arrays.mismatch(got, 0, length, piece.array(), 0, length);
            if (different >= 0) {
                throw new AssertionError(
                        "byte %d is %02x, not %02x".formatted(done + different, got[different], piece.get(different)));
            }
            if (length < PIECE_BYTES) {
                return done + length;
            }
        }
    }

    private void fill(long offset) {
        for (int i = 0; i < PIECE_BYTES; i += Long.BYTES) {
            long word = seed + ((offset + i) / Long.BYTES + 1) * GOLDEN_GAMMA;
            word = (word ^ word >>> 30) * 0xBF58476D1CE4E5B9L;
            word = (word ^ word >>> 27) * 0x94D049BB133111EBL;
            piece.putLong(i, word ^ word >>> 31);
        }
    }
}
