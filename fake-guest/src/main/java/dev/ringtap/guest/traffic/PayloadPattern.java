// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Payload that says of every 16 bytes which run, flow and packet they belong to and where in it they are:
 *
 * <pre>
 *  0          6           10          12          16
 *  | run      | flow      | sequence  | block     |
 * </pre>
 *
 * So a payload cut anywhere (fragments, segments) is still recognised, and still checked byte by byte.
 */
public final class PayloadPattern {
    public static final int BLOCK_BYTES = 16;

    /** What a block says. {@code offset} is where in the searched bytes it starts. */
    public record Block(int offset, int flow, int sequence, int index) {}

    private static final int RUN_BYTES = 6;

    private final byte[] run;

    /** @param run tells this run's traffic from anybody else's; 48 bits of it are used */
    public PayloadPattern(long run) {
        this.run = Arrays.copyOfRange(ByteBuffer.allocate(8).putLong(run).array(), 2, 8);
    }

    /** Bytes {@code from} to {@code from + length} of the pattern of one packet or stream. */
    public byte[] bytes(int flow, int sequence, int from, int length) {
        byte[] bytes = new byte[length];
        ByteBuffer block = ByteBuffer.allocate(BLOCK_BYTES);
        block.put(run).putInt(flow).putShort((short) sequence);
        int at = from;
        while (at < from + length) {
            block.putInt(12, at / BLOCK_BYTES);
            int within = at % BLOCK_BYTES;
            int count = Math.min(BLOCK_BYTES - within, from + length - at);
            System.arraycopy(block.array(), within, bytes, at - from, count);
            at += count;
        }
        return bytes;
    }

    /** The first whole block at or after {@code from}, or null. */
    public Block find(byte[] bytes, int from) {
        for (int at = from; at + BLOCK_BYTES <= bytes.length; at++) {
            if (Arrays.equals(bytes, at, at + RUN_BYTES, run, 0, RUN_BYTES)) {
                ByteBuffer block = ByteBuffer.wrap(bytes, at, BLOCK_BYTES).slice();
                return new Block(at, block.getInt(6), block.getShort(10) & 0xFFFF, block.getInt(12));
            }
        }
        return null;
    }
}
