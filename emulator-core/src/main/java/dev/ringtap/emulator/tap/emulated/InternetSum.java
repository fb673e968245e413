// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The Internet's checksum: the ones' complement sum of 16-bit words. RFC 1071. */
final class InternetSum {
    private static final VarHandle BE64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);

    private InternetSum() {}

    /** Adds bytes to a sum; they begin at an even position of what is summed. */
    static long add(long sum, byte[] data, int offset, int lengthBytes) {
        long total = sum;
        int at = offset;
        int end = offset + lengthBytes;
        // In ones' complement wide words give the same sum as narrow ones, once folded.
        for (; at + 8 <= end; at += 8) {
            total = carry(total, (long) BE64.get(data, at));
        }
        for (; at + 2 <= end; at += 2) {
            total = carry(total, (short) BE16.get(data, at) & 0xFFFFL);
        }
        if (at < end) {
            total = carry(total, (data[at] & 0xFFL) << 8);
        }
        return total;
    }

    /** Adds a number. */
    static long carry(long sum, long word) {
        long total = sum + word;
        return Long.compareUnsigned(total, word) < 0 ? total + 1 : total;
    }

    /** The sum in 16 bits, not inverted. */
    static int fold(long sum) {
        long folded = (sum >>> 32) + (sum & 0xFFFFFFFFL);
        while (folded >>> 16 != 0) {
            folded = (folded >>> 16) + (folded & 0xFFFF);
        }
        return (int) folded;
    }

    /** The checksum: the inverted sum. */
    static int checksum(long sum) {
        return ~fold(sum) & 0xFFFF;
    }

    /** The same with 0xFFFF for 0, which in UDP stands for "no checksum". */
    static int nonZeroChecksum(long sum) {
        int checksum = checksum(sum);
        return checksum == 0 ? 0xFFFF : checksum;
    }
}
