// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import java.util.Random;

/**
 * A program that does what compilers' programs do, in random order: loads numbers, works on them, compares them, keeps
 * them on the stack, and uses them as indexes, often but not always after they were limited.
 *
 * <p>r6 holds the memory, r7 to r9 and r0 to r5 numbers.
 */
final class RandomProgram {
    private static final String[] OPS = {"+=", "-=", "*=", "/=", "|=", "&=", "%=", "^=", "=", "s/=", "s%="};
    private static final String[] SHIFTS = {"<<=", ">>=", "s>>="};
    private static final String[] CONDITIONS = {"==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"};
    private static final int[] SIZES = {8, 16, 32, 64};

    private final Random random;
    private final int memoryBytes;
    private final StringBuilder out = new StringBuilder();
    private int labels;
    private boolean calls;

    RandomProgram(Random random, int memoryBytes) {
        this.random = random;
        this.memoryBytes = memoryBytes;
    }

    String source() {
        line("r6 = r1");
        for (int register : new int[] {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
            if (random.nextInt(3) == 0) line("r" + register + " = " + constant());
            else loadFromMemory(register);
        }
        for (int slot = 1; slot <= 3; slot++) line("*(u64 *)(r10 - " + 8 * slot + ") = r" + number());
        block(random.nextInt(4, 16), 2);
        line("r0 = r" + number());
        line("exit");
        if (calls) {
            line("f:");
            // r1 is a number, r2 a pointer to the caller's stack.
            line("r0 = r1");
            line("r3 = *(u64 *)(r2 + 0)");
            if (random.nextBoolean()) line("if r3 " + pick(CONDITIONS) + " " + constant() + " goto g");
            line("r0 " + pick(OPS) + " r3");
            line("*(u64 *)(r2 + 0) = r0");
            line("g:");
            if (random.nextBoolean()) line("r0 &= " + random.nextInt(1, 32));
            line("exit");
        }
        return out.toString();
    }

    private void block(int length, int depth) {
        for (int i = 0; i < length; i++) statement(depth);
    }

    private void statement(int depth) {
        switch (random.nextInt(depth > 0 ? 14 : 11)) {
            case 0, 1 -> line(wide() + number() + " " + pick(OPS) + " " + constant());
            case 2 -> {
                String wide = wide();
                line(wide + number() + " " + pick(OPS) + " " + wide + number());
            }
            case 3 -> shift();
            case 4 -> single();
            case 5 -> loadFromMemory(number());
            case 6 -> store();
            case 7 -> loadFromStack();
            case 8, 9 -> index();
            case 10 -> atomic();
            case 11 -> call();
            case 12 -> branch(depth);
            default -> loop(depth);
        }
    }

    private void shift() {
        String wide = wide();
        int width = wide.equals("r") ? 64 : 32;
        String by = random.nextInt(3) == 0 ? wide + number() : "" + random.nextInt(width);
        line(wide + number() + " " + pick(SHIFTS) + " " + by);
    }

    private void single() {
        int register = number();
        switch (random.nextInt(4)) {
            case 0 -> line("r" + register + " = -r" + register);
            case 1 -> line("r" + register + " = (s" + (8 << random.nextInt(3)) + ") r" + number());
            case 2 -> line("w" + register + " = (s" + (8 << random.nextInt(2)) + ") w" + number());
            default ->
                line("r" + register + " = " + pick(new String[] {"be", "le", "bswap"}) + (16 << random.nextInt(3)));
        }
    }

    private void loadFromMemory(int register) {
        int bits = SIZES[random.nextInt(4)];
        String sign = bits < 64 && random.nextInt(4) == 0 ? "s" : "u";
        int at = random.nextInt(memoryBytes - bits / 8 + 1);
        line("r" + register + " = *(" + sign + bits + " *)(r6 + " + at + ")");
    }

    private void store() {
        int bits = SIZES[random.nextInt(4)];
        int bytes = bits / 8;
        String what = random.nextInt(4) == 0 ? "" + constant() : "r" + number();
        if (random.nextBoolean()) {
            int at = random.nextInt(memoryBytes - bytes + 1);
            line("*(u" + bits + " *)(r6 + " + at + ") = " + what);
        } else {
            line("*(u" + bits + " *)(r10 - " + random.nextInt(bytes, 25) + ") = " + what);
        }
    }

    private void loadFromStack() {
        int bits = SIZES[random.nextInt(4)];
        int at = random.nextBoolean() ? 8 * random.nextInt(1, 4) : random.nextInt(bits / 8, 25);
        line("r" + number() + " = *(u" + bits + " *)(r10 - " + at + ")");
    }

    /** An access at an index that is limited, more or less. */
    private void index() {
        int index = number();
        int pointer = other(index);
        boolean stack = random.nextBoolean();
        int end = label();
        int limit = random.nextInt(1, 20);
        switch (random.nextInt(6)) {
            case 0 -> line("r" + index + " &= " + (random.nextBoolean() ? 15 : 7));
            case 1 -> line("w" + index + " &= " + (random.nextBoolean() ? 12 : 16));
            case 2 -> line("if r" + index + " > " + limit + " goto l" + end);
            case 3 -> line("if w" + index + " >= " + limit + " goto l" + end);
            case 4 -> {
                line("if r" + index + " s> " + limit + " goto l" + end);
                line("if r" + index + " s< " + random.nextInt(-2, 3) + " goto l" + end);
            }
            default -> line("r" + index + " %= " + limit);
        }
        if (random.nextInt(5) == 0) line("w" + index + " = w" + index);
        if (random.nextInt(5) == 0) line("r" + index + " += " + random.nextInt(-2, 4));
        line("r" + pointer + " = " + (stack ? "r10" : "r6"));
        line("r" + pointer + (random.nextInt(5) == 0 && stack ? " -=" : " +=") + " r" + index);
        int bits = SIZES[random.nextInt(4)];
        String at = "(r" + pointer + (stack ? " - 24)" : " + 0)");
        if (random.nextBoolean()) line("*(u" + bits + " *)" + at + " = r" + index);
        else line("r" + index + " = *(u" + bits + " *)" + at);
        line("r" + pointer + " = " + random.nextInt(9));
        line("l" + end + ":");
        // Also on the way that jumped here, it is a number again.
        if (random.nextInt(4) > 0) line("r" + pointer + " = " + random.nextInt(9));
    }

    private void atomic() {
        int bits = random.nextBoolean() ? 32 : 64;
        String op = pick(new String[] {"+=", "|=", "&=", "^=", "fetch+=", "xchg", "cmpxchg"});
        int at = bits / 8 * random.nextInt(memoryBytes / (bits / 8));
        if (random.nextBoolean()) line("lock *(u" + bits + " *)(r6 + " + at + ") " + op + " r" + number());
        else line("lock *(u" + bits + " *)(r10 - " + 8 * random.nextInt(1, 4) + ") " + op + " r" + number());
    }

    private void call() {
        calls = true;
        line("r1 = r" + number());
        line("r2 = r10");
        line("r2 += " + -8 * random.nextInt(1, 4));
        line("call f");
        for (int register = 1; register <= 5; register++)
            line("r" + register + " = r" + (random.nextBoolean() ? 0 : 7));
    }

    private void branch(int depth) {
        int otherwise = label();
        String wide = wide();
        String right = random.nextBoolean() ? "" + constant() : wide + number();
        line("if " + wide + number() + " " + pick(CONDITIONS) + " " + right + " goto l" + otherwise);
        block(random.nextInt(1, 4), depth - 1);
        if (random.nextBoolean()) {
            int end = label();
            line("goto l" + end);
            line("l" + otherwise + ":");
            block(random.nextInt(1, 3), depth - 1);
            line("l" + end + ":");
        } else {
            line("l" + otherwise + ":");
        }
    }

    private void loop(int depth) {
        int start = label();
        int at = 32 + 8 * depth;
        line("*(u64 *)(r10 - " + at + ") = 0");
        line("l" + start + ":");
        block(random.nextInt(1, 3), depth - 1);
        int counter = number();
        line("r" + counter + " = *(u64 *)(r10 - " + at + ")");
        line("r" + counter + " += 1");
        line("*(u64 *)(r10 - " + at + ") = r" + counter);
        line("if r" + counter + " < " + random.nextInt(1, 6) + " goto l" + start);
    }

    private int number() {
        int register = random.nextInt(9);
        return register < 6 ? register : register + 1;
    }

    private int other(int register) {
        int other = number();
        return other == register ? (register + 1) % 6 : other;
    }

    private int constant() {
        return switch (random.nextInt(5)) {
            case 0 -> random.nextInt();
            case 1 -> 1 << random.nextInt(32);
            default -> random.nextInt(-4, 40);
        };
    }

    private String wide() {
        return random.nextInt(3) == 0 ? "w" : "r";
    }

    private String pick(String[] of) {
        return of[random.nextInt(of.length)];
    }

    private int label() {
        return labels++;
    }

    private void line(String line) {
        out.append(line).append('\n');
    }
}
