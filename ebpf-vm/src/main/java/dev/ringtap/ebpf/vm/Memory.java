// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Little-endian access to memory of programs. Arrays hold what belongs to one run (stack, packet); direct buffers hold
 * map values, since only those allow atomic operations on parts of their bytes.
 */
final class Memory {
    static final VarHandle ARRAY_16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle ARRAY_32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle ARRAY_64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle BUFFER_16 = MethodHandles.byteBufferViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle BUFFER_32 = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    static final VarHandle BUFFER_64 = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Memory() {}

    /** @return zero-extended */
    static long load(byte[] bytes, int at, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> bytes[at] & 0xFFL;
            case 2 -> (short) ARRAY_16.get(bytes, at) & 0xFFFFL;
            case 4 -> (int) ARRAY_32.get(bytes, at) & 0xFFFFFFFFL;
            default -> (long) ARRAY_64.get(bytes, at);
        };
    }

    /** @return zero-extended */
    static long load(ByteBuffer bytes, int at, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> bytes.get(at) & 0xFFL;
            case 2 -> (short) BUFFER_16.get(bytes, at) & 0xFFFFL;
            case 4 -> (int) BUFFER_32.get(bytes, at) & 0xFFFFFFFFL;
            default -> (long) BUFFER_64.get(bytes, at);
        };
    }

    static void store(byte[] bytes, int at, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> bytes[at] = (byte) value;
            case 2 -> ARRAY_16.set(bytes, at, (short) value);
            case 4 -> ARRAY_32.set(bytes, at, (int) value);
            default -> ARRAY_64.set(bytes, at, value);
        }
    }

    static void store(ByteBuffer bytes, int at, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> bytes.put(at, (byte) value);
            case 2 -> BUFFER_16.set(bytes, at, (short) value);
            case 4 -> BUFFER_32.set(bytes, at, (int) value);
            default -> BUFFER_64.set(bytes, at, value);
        }
    }
}
