// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BinaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Every operation on ranges against the same operation on every number, or a sample of those, that they stand for. */
class RangeTest {
    private static final int ROUNDS = 3000;
    private static final int SAMPLES = 24;
    private static final long LOW = 0xFFFF_FFFFL;

    private record Binary(BinaryOperator<Range> range, LongBinaryOperator number) {}

    private record Unary(UnaryOperator<Range> range, LongUnaryOperator number) {}

    private static final Map<String, Binary> BINARY = new LinkedHashMap<>();
    private static final Map<String, Unary> UNARY = new LinkedHashMap<>();

    static {
        BINARY.put("+", new Binary(Range::add, (a, b) -> a + b));
        BINARY.put("-", new Binary(Range::subtract, (a, b) -> a - b));
        BINARY.put("*", new Binary(Range::multiply, (a, b) -> a * b));
        BINARY.put("&", new Binary(Range::and, (a, b) -> a & b));
        BINARY.put("|", new Binary(Range::or, (a, b) -> a | b));
        BINARY.put("^", new Binary(Range::xor, (a, b) -> a ^ b));
        BINARY.put("/ 64", new Binary((a, b) -> a.divide(b, true), (a, b) -> b == 0 ? 0 : Long.divideUnsigned(a, b)));
        BINARY.put(
                "/ 32",
                new Binary(
                        (a, b) -> a.divide(b, false),
                        (a, b) -> (int) b == 0 ? 0 : Integer.divideUnsigned((int) a, (int) b) & LOW));
        BINARY.put(
                "% 64",
                new Binary((a, b) -> a.remainder(b, true), (a, b) -> b == 0 ? a : Long.remainderUnsigned(a, b)));
        BINARY.put(
                "% 32",
                new Binary(
                        (a, b) -> a.remainder(b, false),
                        (a, b) -> (int) b == 0 ? a & LOW : Integer.remainderUnsigned((int) a, (int) b) & LOW));
        BINARY.put("s/ 64", new Binary((a, b) -> a.divideSigned(b, true), (a, b) -> b == 0 ? 0 : a / b));
        BINARY.put(
                "s/ 32",
                new Binary((a, b) -> a.divideSigned(b, false), (a, b) -> (int) b == 0 ? 0 : (int) a / (int) b & LOW));
        BINARY.put("s% 64", new Binary((a, b) -> a.remainderSigned(b, true), (a, b) -> b == 0 ? a : a % b));
        BINARY.put(
                "s% 32",
                new Binary(
                        (a, b) -> a.remainderSigned(b, false),
                        (a, b) -> ((int) b == 0 ? (int) a : (int) a % (int) b) & LOW));
        BINARY.put("<< 64", new Binary((a, b) -> a.shiftLeft(b, true), (a, b) -> a << b));
        BINARY.put("<< 32", new Binary((a, b) -> a.shiftLeft(b, false), (a, b) -> (int) a << (int) b & LOW));
        BINARY.put(">> 64", new Binary((a, b) -> a.shiftRight(b, true), (a, b) -> a >>> b));
        BINARY.put(">> 32", new Binary((a, b) -> a.shiftRight(b, false), (a, b) -> (int) a >>> (int) b & LOW));
        BINARY.put("s>> 64", new Binary((a, b) -> a.shiftRightSigned(b, true), (a, b) -> a >> b));
        BINARY.put("s>> 32", new Binary((a, b) -> a.shiftRightSigned(b, false), (a, b) -> (int) a >> (int) b & LOW));
        BINARY.put("either", new Binary(Range::union, (a, b) -> a));
        BINARY.put("or", new Binary(Range::union, (a, b) -> b));

        UNARY.put("low half", new Unary(Range::low32, a -> a & LOW));
        UNARY.put("negative", new Unary(Range::negate, a -> -a));
        UNARY.put("u8", new Unary(a -> a.zeroExtend(8), a -> a & 0xFF));
        UNARY.put("u16", new Unary(a -> a.zeroExtend(16), a -> a & 0xFFFF));
        UNARY.put("s8", new Unary(a -> a.signExtend(8), a -> (byte) a));
        UNARY.put("s16", new Unary(a -> a.signExtend(16), a -> (short) a));
        UNARY.put("s32", new Unary(a -> a.signExtend(32), a -> (int) a));
        UNARY.put("swap16", new Unary(a -> a.swapBytes(16), a -> Short.reverseBytes((short) a) & 0xFFFFL));
        UNARY.put("swap32", new Unary(a -> a.swapBytes(32), a -> Integer.reverseBytes((int) a) & LOW));
        UNARY.put("swap64", new Unary(a -> a.swapBytes(64), Long::reverseBytes));
        UNARY.put("slice", new Unary(a -> a.slice(3, 2), a -> a >>> 24 & 0xFFFF));
    }

    /** A range, and numbers that it stands for. */
    private record Known(Range range, List<Long> numbers) {}

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    @Test
    void operationsHoldEveryResult() {
        for (int round = 0; round < ROUNDS; round++) {
            var a = known();
            var b = known();
            BINARY.forEach((name, operation) -> {
                var result = operation.range.apply(a.range, b.range);
                for (long x : a.numbers)
                    for (long y : b.numbers) {
                        long number = operation.number.applyAsLong(x, y);
                        assertTrue(
                                result.contains(number),
                                () -> "seed " + seed + ": " + x + " " + name + " " + y + " = " + number + " is not in "
                                        + describe(result) + ", of " + describe(a.range) + " and " + describe(b.range));
                    }
            });
            UNARY.forEach((name, operation) -> {
                var result = operation.range.apply(a.range);
                for (long x : a.numbers) {
                    long number = operation.number.applyAsLong(x);
                    assertTrue(
                            result.contains(number),
                            () -> "seed " + seed + ": " + name + " of " + x + " = " + number + " is not in "
                                    + describe(result) + ", of " + describe(a.range));
                }
            });
        }
    }

    @Test
    void branchesKeepEveryNumberThatTakesThem() {
        for (int round = 0; round < ROUNDS; round++) {
            var a = known();
            var b = known();
            for (var condition : Condition.values()) {
                for (boolean is64 : new boolean[] {true, false}) {
                    var refined = condition.refine(a.range, b.range, is64);
                    for (long x : a.numbers)
                        for (long y : b.numbers) {
                            if (!condition.holds(x, y, is64)) {
                                assertTrue(condition.opposite().holds(x, y, is64));
                                assertTrue(!condition.mirrored().holds(y, x, is64));
                                continue;
                            }
                            String what = "seed " + seed + ": " + x + " " + condition + (is64 ? " 64 " : " 32 ") + y
                                    + " of " + describe(a.range) + " and " + describe(b.range);
                            assertNotNull(refined, what);
                            assertTrue(
                                    refined.left().contains(x)
                                            && refined.right().contains(y),
                                    () -> what + " gives " + describe(refined.left()) + " and "
                                            + describe(refined.right()));
                        }
                }
            }
        }
    }

    @Test
    void operationsOnConstantsGiveConstants() {
        for (int round = 0; round < ROUNDS; round++) {
            long x = number();
            long y = number();
            BINARY.forEach((name, operation) -> {
                if (name.equals("either") || name.equals("or")) return;
                var result = operation.range.apply(Range.of(x), Range.of(y));
                if (name.matches("[/%] .*")) return; // bounds only: what they leave open is not needed anywhere
                assertEquals(Range.of(operation.number.applyAsLong(x, y)), result, () -> x + " " + name + " " + y);
            });
            UNARY.forEach((name, operation) -> assertEquals(
                    Range.of(operation.number.applyAsLong(x)),
                    operation.range.apply(Range.of(x)),
                    () -> name + " of " + x));
        }
    }

    @Test
    void everyTristateNumberOfFourBitsIsExactEnough() {
        for (var a : tristates())
            for (var b : tristates()) {
                for (long x = 0; x < 16; x++)
                    for (long y = 0; y < 16; y++) {
                        if (!a.contains(x) || !b.contains(y)) continue;
                        assertTrue(a.add(b).contains(x + y));
                        assertTrue(a.subtract(b).contains(x - y));
                        assertTrue(a.multiply(b).contains(x * y));
                        assertTrue(a.union(b).contains(x));
                        if (x == y) assertTrue(a.intersect(b).contains(x));
                    }
                // Bitwise operations lose nothing: what is unknown of the result does vary.
                assertExact(a, b, a.and(b), (x, y) -> x & y);
                assertExact(a, b, a.or(b), (x, y) -> x | y);
                assertExact(a, b, a.xor(b), (x, y) -> x ^ y);
                assertExact(a, b, a.add(b), (x, y) -> x + y);
                assertExact(a, b, a.subtract(b), (x, y) -> x - y);
            }
    }

    @Test
    void aComparisonWithAConstantBoundsTheLowHalfAndThenTheWhole() {
        var word = Range.ofBytes(4);
        var refined = Condition.BELOW.refine(word, Range.of(10), false).left();
        assertEquals(Range.ofUnsigned(0, 9), refined);
        var signed = Condition.GREATER_OR_EQUAL
                .refine(Condition.LESS.refine(Range.UNKNOWN, Range.of(7), true).left(), Range.ZERO, true)
                .left();
        assertEquals(Range.ofUnsigned(0, 6), signed);
    }

    private static void assertExact(Tnum a, Tnum b, Tnum result, LongBinaryOperator operation) {
        long ones = -1;
        long seen = 0;
        for (long x = 0; x < 16; x++)
            for (long y = 0; y < 16; y++) {
                if (!a.contains(x) || !b.contains(y)) continue;
                ones &= operation.applyAsLong(x, y);
                seen |= operation.applyAsLong(x, y);
            }
        assertEquals(new Tnum(ones, seen & ~ones), result, () -> a + " and " + b);
    }

    private static List<Tnum> tristates() {
        var all = new ArrayList<Tnum>();
        for (long value = 0; value < 16; value++)
            for (long mask = 0; mask < 16; mask++) if ((value & mask) == 0) all.add(new Tnum(value, mask));
        return all;
    }

    private Known known() {
        return switch (random.nextInt(5)) {
            case 0 -> {
                long constant = number();
                yield new Known(Range.of(constant), List.of(constant));
            }
            case 1 -> fromBits();
            case 2 -> interval();
            case 3 -> signed();
            default -> {
                var a = fromBits();
                var b = interval();
                var range = a.range.union(b.range);
                var numbers = new ArrayList<>(a.numbers);
                numbers.addAll(b.numbers);
                yield new Known(range, numbers);
            }
        };
    }

    private Known fromBits() {
        long mask = 0;
        for (int i = random.nextInt(4) + 1; i > 0; i--) mask |= 1L << random.nextInt(64);
        long value = number() & ~mask;
        var numbers = new ArrayList<Long>();
        for (long part = mask; ; part = part - 1 & mask) {
            numbers.add(value | part);
            if (part == 0) break;
        }
        return new Known(Range.ofBits(new Tnum(value, mask)), numbers);
    }

    private Known interval() {
        long a = number();
        long b = random.nextBoolean() ? number() : a + random.nextInt(SAMPLES);
        long min = Bounds.minUnsigned(a, b);
        long max = Bounds.maxUnsigned(a, b);
        var numbers = new ArrayList<Long>(List.of(min, max));
        for (int i = 0; i < SAMPLES / 2; i++)
            numbers.add(
                    max - min == -1
                            ? random.nextLong()
                            : min + Long.remainderUnsigned(random.nextLong(), max - min + 1));
        return new Known(Range.ofUnsigned(min, max), numbers);
    }

    private Known signed() {
        long a = number();
        long b = random.nextBoolean() ? number() : a + random.nextInt(SAMPLES);
        long min = Math.min(a, b);
        long max = Math.max(a, b);
        var numbers = new ArrayList<Long>(List.of(min, max));
        for (int i = 0; i < SAMPLES / 2; i++)
            numbers.add(
                    max - min == -1
                            ? random.nextLong()
                            : min + Long.remainderUnsigned(random.nextLong(), max - min + 1));
        return new Known(Range.ofSigned(min, max), numbers);
    }

    /** Numbers at the edges more often than chance has them. */
    private long number() {
        long edge = switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> Long.MIN_VALUE;
            case 2 -> 1L << 31;
            case 3 -> 1L << 32;
            case 4 -> 1L << random.nextInt(64);
            case 5 -> random.nextInt();
            case 6 -> random.nextInt() & LOW;
            default -> random.nextLong();
        };
        return edge + random.nextInt(9) - 4;
    }

    private static String describe(Range range) {
        return range.bits() + " " + range.whole() + " " + range.low();
    }
}
