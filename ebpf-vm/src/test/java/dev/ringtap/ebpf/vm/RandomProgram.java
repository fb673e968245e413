// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Programs of the type {@code tc} with one array map (index 0, values of {@link #VALUE_BYTES}) that use every instruction
 * and every kind of memory: r6 the context, r7 a value of the map, r8 the packet, numbers in the others. In the end the
 * numbers are stored in the value, so that nothing a program computed is lost.
 *
 * <p>With {@code wild} some accesses leave their memory: then a run ends with a fault.
 */
final class RandomProgram {
    static final int VALUE_BYTES = 192;
    static final int PACKET_BYTES = 96;

    private static final int[] NUMBERS = {0, 1, 2, 3, 4, 5, 9};
    private static final int SCRATCH_BYTES = 64;
    private static final int SPILL = -72;
    private static final int COUNTER = -80;
    private static final int[] ALU_CODES = {0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xA0, 0xB0, 0xC0};
    private static final int[] JUMP_CODES = {0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0};
    private static final int[] SIZE_CODES = {0x10, 0x08, 0x00, 0x18};
    private static final int[] ATOMIC_OPS = {0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xA0, 0xA1, 0xE1, 0xF1};
    private static final int[] CONTEXT_LOADS = {
        0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 64, 68, 84, 160, 176
    };
    private static final int[] CONTEXT_STORES = {8, 12, 32, 44, 48, 56, 64};
    private static final long[] INTERESTING = {
        0, 1, -1, 2, 7, 0x80, 0xFFFF, 0x7FFFFFFFL, 0x80000000L, 0xFFFFFFFFL, Long.MIN_VALUE, Long.MAX_VALUE
    };

    private final Random random;
    private final boolean wild;
    private final List<long[]> slots = new ArrayList<>();
    private final List<Integer> calls = new ArrayList<>();

    private RandomProgram(Random random, boolean wild) {
        this.random = random;
        this.wild = wild;
    }

    static byte[] generate(Random random, boolean wild) {
        return new RandomProgram(random, wild).program();
    }

    private byte[] program() {
        emit(0xBF, 6, 1, 0, 0);
        emit(0x62, 10, 0, -4, 0);
        emit(0x18, 1, 1, 0, 0); // the map; its address comes from the test
        emit(0, 0, 0, 0, 0);
        emit(0xBF, 2, 10, 0, 0);
        emit(0x07, 2, 0, 0, -4);
        emit(0x85, 0, 0, 0, 1);
        emit(0x55, 0, 0, 2, 0);
        emit(0xB7, 0, 0, 0, 0);
        emit(0x95, 0, 0, 0, 0);
        emit(0xBF, 7, 0, 0, 0);
        emit(0x61, 8, 6, 76, 0);
        for (int r : NUMBERS) constant(r);
        for (int at = 8; at <= SCRATCH_BYTES; at += 8) emit(0x7B, 10, any(NUMBERS), -at, 0);
        body(20 + random.nextInt(60), true);
        int at = SCRATCH_BYTES;
        for (int r : NUMBERS) emit(0x7B, 7, r, at += 8, 0);
        for (int r : NUMBERS) if (r != 0) emit(0xAF, 0, r, 0, 0);
        emit(0x95, 0, 0, 0, 0);
        int function = slots.size();
        for (int i = 0; i < 10; i++) arithmetic(1 + random.nextInt(5), 1 + random.nextInt(5));
        emit(0x7B, 10, 2, -16, 0);
        emit(0x79, 0, 10, -16, 0);
        emit(0x0F, 0, 1, 0, 0);
        emit(0x95, 0, 0, 0, 0);
        for (int call : calls) slots.get(call)[4] = function - call - 1;
        return bytes();
    }

    private void body(int count, boolean mayLoop) {
        for (int i = 0; i < count; i++) {
            switch (random.nextInt(mayLoop ? 14 : 13)) {
                case 0, 1, 2, 3 -> arithmetic(any(NUMBERS), any(NUMBERS));
                case 4 -> load();
                case 5 -> store();
                case 6 -> indexed();
                case 7 -> atomic();
                case 8 -> spilledPointer();
                case 9 -> jumpAhead();
                case 10 -> swap(any(NUMBERS));
                case 11 -> call();
                case 12 -> constant(any(NUMBERS));
                default -> loop();
            }
        }
    }

    private void arithmetic(int dst, int src) {
        boolean wide = random.nextBoolean();
        int type = wide ? 7 : 4;
        if (random.nextInt(12) == 0) {
            emit(0x80 | type, dst, 0, 0, 0);
            return;
        }
        int code = any(ALU_CODES);
        boolean register = random.nextBoolean();
        int variant = (code == 0x30 || code == 0x90) && random.nextBoolean() ? 1 : 0;
        if (code == 0xB0 && register && random.nextBoolean())
            variant = any(wide ? new int[] {8, 16, 32} : new int[] {8, 16});
        boolean shift = code == 0x60 || code == 0x70 || code == 0xC0;
        int imm = shift ? random.nextInt(wide ? 64 : 32) : (int) number();
        if ((code == 0x30 || code == 0x90) && imm == 0) imm = 3;
        emit(code | type | (register ? 8 : 0), dst, register ? src : 0, variant, register ? 0 : imm);
    }

    private void swap(int dst) {
        emit(any(new int[] {0xD4, 0xDC, 0xD7}), dst, 0, 0, any(new int[] {16, 32, 64}));
    }

    private void constant(int dst) {
        long value = number();
        emit(0x18, dst, 0, 0, (int) value);
        emit(0, 0, 0, 0, (int) (value >>> 32));
    }

    private void load() {
        int dst = any(NUMBERS);
        if (random.nextInt(4) == 0) {
            int offset = any(CONTEXT_LOADS);
            int size = random.nextInt(3);
            emit(SIZE_CODES[size] | 0x61, dst, 6, offset + (random.nextInt(4) & -(1 << size)) % 4, 0);
            return;
        }
        int size = random.nextInt(4);
        boolean signed = size < 3 && random.nextInt(3) == 0;
        int base = any(new int[] {7, 8, 10});
        emit(SIZE_CODES[size] | (signed ? 0x81 : 0x61), dst, base, offset(base, 1 << size), 0);
    }

    private void store() {
        if (random.nextInt(5) == 0) {
            emit(0x63, 6, any(NUMBERS), any(CONTEXT_STORES), 0);
            return;
        }
        int size = random.nextInt(4);
        int base = any(new int[] {7, 8, 10});
        int offset = offset(base, 1 << size);
        if (random.nextBoolean()) emit(SIZE_CODES[size] | 0x63, base, any(NUMBERS), offset, 0);
        else emit(SIZE_CODES[size] | 0x62, base, 0, offset, (int) number());
    }

    /** Through a pointer that a number was added to. */
    private void indexed() {
        int size = random.nextInt(4);
        int base = any(new int[] {7, 8, 10});
        boolean numberFirst = random.nextBoolean();
        int pointer = numberFirst ? 4 : 5;
        emit(0xBF, 4, any(NUMBERS), 0, 0);
        emit(0x57, 4, 0, 0, 0x1F);
        emit(0xBF, 5, base, 0, 0);
        emit(0x0F, pointer, numberFirst ? 5 : 4, 0, 0);
        int offset = base == 10 ? -SCRATCH_BYTES : random.nextInt(8);
        if (random.nextBoolean()) emit(SIZE_CODES[size] | 0x61, any(new int[] {0, 1, 2, 3}), pointer, offset, 0);
        else emit(SIZE_CODES[size] | 0x63, pointer, any(new int[] {0, 1, 2, 3}), offset, 0);
        constant(4);
        constant(5);
    }

    private void atomic() {
        boolean wide = random.nextBoolean();
        int base = any(new int[] {7, 10});
        int offset = base == 10 ? -8 * (1 + random.nextInt(8)) : 8 * random.nextInt(8);
        emit(wide ? 0xDB : 0xC3, base, any(NUMBERS), offset, any(ATOMIC_OPS));
    }

    private void spilledPointer() {
        int base = any(new int[] {6, 7, 8, 10});
        emit(0x7B, 10, base, SPILL, 0);
        if (random.nextBoolean()) arithmetic(any(NUMBERS), any(NUMBERS));
        emit(0x79, 5, 10, SPILL, 0);
        emit(0x61, any(new int[] {0, 1, 2, 3}), 5, base == 10 ? -8 : 8, 0);
        constant(5);
        // A pointer is no number that another run would have as well.
        emit(0x7A, 10, 0, SPILL, 0);
    }

    private void jumpAhead() {
        boolean wide = random.nextBoolean();
        boolean register = random.nextBoolean();
        int jump = slots.size();
        emit(
                any(JUMP_CODES) | (wide ? 5 : 6) | (register ? 8 : 0),
                any(NUMBERS),
                register ? any(NUMBERS) : 0,
                0,
                register ? 0 : (int) number());
        body(1 + random.nextInt(6), false);
        if (random.nextInt(3) == 0) {
            int skip = slots.size();
            boolean far = random.nextBoolean();
            emit(far ? 0x06 : 0x05, 0, 0, 0, 0);
            slots.get(jump)[3] = slots.size() - jump - 1;
            body(1 + random.nextInt(4), false);
            slots.get(skip)[far ? 4 : 3] = slots.size() - skip - 1;
        } else {
            slots.get(jump)[3] = slots.size() - jump - 1;
        }
    }

    private void loop() {
        emit(0x7A, 10, 0, COUNTER, 1 + random.nextInt(5));
        int begin = slots.size();
        body(1 + random.nextInt(6), false);
        emit(0x79, 9, 10, COUNTER, 0);
        emit(0x07, 9, 0, 0, -1);
        emit(0x7B, 10, 9, COUNTER, 0);
        emit(0x55, 9, 0, begin - slots.size() - 1, 0);
    }

    private void call() {
        if (random.nextBoolean()) {
            calls.add(slots.size());
            emit(0x85, 0, 1, 0, 0);
            return;
        }
        emit(0xBF, 1, 6, 0, 0);
        emit(0xB7, 2, 0, 0, random.nextInt(PACKET_BYTES));
        emit(0xBF, 3, any(new int[] {7, 10}), 0, 0);
        if (isStack(slots.getLast())) emit(0x07, 3, 0, 0, -8 * (1 + random.nextInt(8)));
        emit(0xB7, 4, 0, 0, 1 + random.nextInt(8));
        emit(0x85, 0, 0, 0, 26);
        constant(1);
        constant(3);
    }

    private static boolean isStack(long[] slot) {
        return slot[2] == 10;
    }

    private int offset(int base, int size) {
        if (wild && random.nextInt(20) == 0) return random.nextInt(0x10000) - 0x8000;
        return base == 10
                ? random.nextInt(SCRATCH_BYTES - size + 1) - SCRATCH_BYTES
                : random.nextInt(SCRATCH_BYTES - size);
    }

    private long number() {
        return switch (random.nextInt(3)) {
            case 0 -> INTERESTING[random.nextInt(INTERESTING.length)];
            case 1 -> random.nextInt(200) - 100;
            default -> random.nextLong();
        };
    }

    private int any(int[] of) {
        return of[random.nextInt(of.length)];
    }

    private void emit(int code, int dst, int src, int offset, int imm) {
        slots.add(new long[] {code, dst, src, offset, imm});
    }

    private byte[] bytes() {
        var out = new ByteArrayOutputStream();
        for (var slot : slots) {
            var bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            bytes.put((byte) slot[0])
                    .put((byte) (slot[2] << 4 | slot[1]))
                    .putShort((short) slot[3])
                    .putInt((int) slot[4]);
            out.writeBytes(bytes.array());
        }
        return out.toByteArray();
    }
}
