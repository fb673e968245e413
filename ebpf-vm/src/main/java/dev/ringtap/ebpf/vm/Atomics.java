// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.AtomicOp;
import java.nio.ByteBuffer;

/**
 * Atomic operations. Values of maps are shared, so these are the machine's own; the stack belongs to one run, where plain
 * accesses do. An address that is not a multiple of the size is refused, as by the kernel.
 */
final class Atomics {
    private Atomics() {}

    /**
     * @param operand of the operation; of a comparison what to put there
     * @param expected of a comparison
     * @return what was there before
     */
    static long apply(Run run, AtomicOp op, int sizeBytes, long address, long operand, long expected) {
        if ((address & sizeBytes - 1) != 0)
            throw new IndexOutOfBoundsException("atomic operation on an address that is no multiple of " + sizeBytes
                    + ": " + Address.describe(address));
        var values = run.valuesAt(address);
        if (values != null)
            return sizeBytes == 8
                    ? shared64(values, Address.offset(address), op, operand, expected)
                    : shared32(values, Address.offset(address), op, (int) operand, (int) expected) & 0xFFFFFFFFL;
        if (Address.region(address) != Address.STACK && run.program.type() != null)
            throw new IndexOutOfBoundsException("atomic operation on " + Address.describe(address));
        long old = run.load(address, sizeBytes);
        boolean equal = sizeBytes == 8 ? old == expected : (int) old == (int) expected;
        if (op != AtomicOp.CMPXCHG || equal) run.store(address, sizeBytes, result(op, old, operand));
        return old;
    }

    private static long result(AtomicOp op, long old, long operand) {
        return switch (op) {
            case ADD -> old + operand;
            case OR -> old | operand;
            case AND -> old & operand;
            case XOR -> old ^ operand;
            case XCHG, CMPXCHG -> operand;
        };
    }

    private static long shared64(ByteBuffer values, int at, AtomicOp op, long operand, long expected) {
        return switch (op) {
            case ADD -> (long) Memory.BUFFER_64.getAndAdd(values, at, operand);
            case OR -> (long) Memory.BUFFER_64.getAndBitwiseOr(values, at, operand);
            case AND -> (long) Memory.BUFFER_64.getAndBitwiseAnd(values, at, operand);
            case XOR -> (long) Memory.BUFFER_64.getAndBitwiseXor(values, at, operand);
            case XCHG -> (long) Memory.BUFFER_64.getAndSet(values, at, operand);
            case CMPXCHG -> (long) Memory.BUFFER_64.compareAndExchange(values, at, expected, operand);
        };
    }

    private static int shared32(ByteBuffer values, int at, AtomicOp op, int operand, int expected) {
        return switch (op) {
            case ADD -> (int) Memory.BUFFER_32.getAndAdd(values, at, operand);
            case OR -> (int) Memory.BUFFER_32.getAndBitwiseOr(values, at, operand);
            case AND -> (int) Memory.BUFFER_32.getAndBitwiseAnd(values, at, operand);
            case XOR -> (int) Memory.BUFFER_32.getAndBitwiseXor(values, at, operand);
            case XCHG -> (int) Memory.BUFFER_32.getAndSet(values, at, operand);
            case CMPXCHG -> (int) Memory.BUFFER_32.compareAndExchange(values, at, expected, operand);
        };
    }
}
