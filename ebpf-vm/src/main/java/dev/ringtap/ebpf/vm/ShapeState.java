// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.util.Arrays;

/** Shapes of all registers and of the frame's slots of 8 bytes, at one instruction. */
final class ShapeState {
    private static final int SLOT_BYTES = 8;
    private static final int SLOTS = Run.FRAME_BYTES / SLOT_BYTES;

    private final Shape[] registers;
    private final Shape[] slots;

    private ShapeState(Shape[] registers, Shape[] slots) {
        this.registers = registers;
        this.slots = slots;
    }

    /** At a function's begin: nothing is known but r10. Registers that are not arguments hold zero. */
    static ShapeState entry() {
        var registers = new Shape[11];
        Arrays.fill(registers, Shape.ZERO);
        Arrays.fill(registers, 1, 6, Shape.UNKNOWN);
        registers[10] = Shape.stack(0);
        var slots = new Shape[SLOTS];
        Arrays.fill(slots, Shape.UNKNOWN);
        return new ShapeState(registers, slots);
    }

    ShapeState copy() {
        return new ShapeState(registers.clone(), slots.clone());
    }

    Shape register(int register) {
        return registers[register];
    }

    void register(int register, Shape shape) {
        registers[register] = shape;
    }

    /** What lies at an offset from the frame's end. */
    Shape slot(int offset, int sizeBytes) {
        int slot = slotOf(offset);
        if (slot < 0 || sizeBytes != SLOT_BYTES || offset % SLOT_BYTES != 0)
            return sizeBytes == SLOT_BYTES ? Shape.UNKNOWN : Shape.NUMBER;
        return slots[slot];
    }

    void store(int offset, int sizeBytes, Shape shape) {
        if (sizeBytes == SLOT_BYTES && offset % SLOT_BYTES == 0 && slotOf(offset) >= 0) slots[slotOf(offset)] = shape;
        else overwrite(offset, sizeBytes, shape);
    }

    /** Some bytes are, or may be, something else now. */
    void overwrite(int offset, int sizeBytes, Shape shape) {
        long end = (long) offset + sizeBytes;
        for (int slot = 0; slot < SLOTS; slot++) {
            int begin = slot * SLOT_BYTES - Run.FRAME_BYTES;
            if (begin < end && begin + SLOT_BYTES > offset)
                slots[slot] = slots[slot].join(shape).join(Shape.NUMBER);
        }
    }

    /** Any of it may be something else now. */
    void overwriteAll(Shape shape) {
        overwrite(-Run.FRAME_BYTES, Run.FRAME_BYTES, shape);
    }

    private static int slotOf(int offset) {
        return offset >= -Run.FRAME_BYTES && offset < 0 ? (offset + Run.FRAME_BYTES) / SLOT_BYTES : -1;
    }

    /** @return whether anything became less certain */
    boolean joinFrom(ShapeState other) {
        return join(registers, other.registers) | join(slots, other.slots);
    }

    private static boolean join(Shape[] into, Shape[] from) {
        boolean changed = false;
        for (int i = 0; i < into.length; i++) {
            var joined = into[i].join(from[i]);
            if (joined.equals(into[i])) continue;
            into[i] = joined;
            changed = true;
        }
        return changed;
    }
}
