// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Assembles the notation of the public conformance programs: {@code jne %r0, 0x2a, fail}, {@code ldxh %r1, [%r2+4]},
 * {@code lock fetch add32 [%r10-8], %r1}. Encodes from its own reading of RFC 9669 and shares nothing with the decoder.
 */
final class Assembler {
    /** What this notation says and no assembler can make an instruction of. */
    static final class SyntaxException extends Exception {
        private static final long serialVersionUID = 1L;

        SyntaxException(String message) {
            super(message);
        }
    }

    private static final Map<String, Integer> ALU = Map.ofEntries(
            Map.entry("add", 0x00),
            Map.entry("sub", 0x10),
            Map.entry("mul", 0x20),
            Map.entry("div", 0x30),
            Map.entry("or", 0x40),
            Map.entry("and", 0x50),
            Map.entry("lsh", 0x60),
            Map.entry("rsh", 0x70),
            Map.entry("neg", 0x80),
            Map.entry("mod", 0x90),
            Map.entry("xor", 0xA0),
            Map.entry("mov", 0xB0),
            Map.entry("arsh", 0xC0),
            Map.entry("sdiv", 0x30),
            Map.entry("smod", 0x90));
    private static final Map<String, Integer> JUMPS = Map.ofEntries(
            Map.entry("jeq", 0x10),
            Map.entry("jgt", 0x20),
            Map.entry("jge", 0x30),
            Map.entry("jset", 0x40),
            Map.entry("jne", 0x50),
            Map.entry("jsgt", 0x60),
            Map.entry("jsge", 0x70),
            Map.entry("jlt", 0xA0),
            Map.entry("jle", 0xB0),
            Map.entry("jslt", 0xC0),
            Map.entry("jsle", 0xD0));
    private static final Map<String, Integer> SIZES = Map.of("w", 0x00, "h", 0x08, "b", 0x10, "dw", 0x18);
    private static final Map<String, Integer> ATOMICS =
            Map.of("add", 0x00, "or", 0x40, "and", 0x50, "xor", 0xA0, "xchg", 0xE1, "cmpxchg", 0xF1);

    private record Line(int number, String operation, List<String> operands) {}

    private final Map<String, Integer> labels = new HashMap<>();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int slot;

    /** @return 8 bytes for each slot */
    static byte[] assemble(String source) throws SyntaxException {
        return new Assembler().run(source);
    }

    private byte[] run(String source) throws SyntaxException {
        var lines = new ArrayList<Line>();
        int number = 0;
        int at = 0;
        for (String whole : source.split("\n")) {
            number++;
            String text = whole.replaceFirst("[#;].*", "").strip();
            while (text.matches("\\w+:.*")) {
                int colon = text.indexOf(':');
                labels.put(text.substring(0, colon), at);
                text = text.substring(colon + 1).strip();
            }
            if (text.isEmpty()) continue;
            String[] parts = text.split("\\s+", 2);
            String operation = parts[0];
            String rest = parts.length == 1 ? "" : parts[1];
            if (operation.equals("lock")) {
                parts = rest.split("\\s+", 2);
                operation = "lock " + parts[0];
                rest = parts[1];
                if (parts[0].equals("fetch")) {
                    parts = rest.split("\\s+", 2);
                    operation = "lock fetch " + parts[0];
                    rest = parts[1];
                }
            }
            var operands = rest.isEmpty() ? List.<String>of() : List.of(rest.split("\\s*,\\s*"));
            lines.add(new Line(number, operation, operands));
            if (operation.equals("exit")) labels.put("exit", at);
            at += operation.equals("lddw") ? 2 : 1;
        }
        for (var line : lines) {
            try {
                emit(line);
            } catch (IndexOutOfBoundsException | NumberFormatException e) {
                throw new SyntaxException("line " + line.number() + ": " + line);
            }
        }
        return out.toByteArray();
    }

    private void emit(Line line) throws SyntaxException {
        String operation = line.operation();
        var operands = line.operands();
        boolean wide = !operation.endsWith("32");
        String plain = wide ? operation : operation.substring(0, operation.length() - 2);
        if (operation.equals("exit")) {
            slot(0x95, 0, 0, 0, 0);
        } else if (operation.equals("call")) {
            call(line);
        } else if (operation.startsWith("lock ")) {
            atomic(plain, wide, operands);
        } else if (operation.equals("lddw")) {
            if (operands.get(1).startsWith("map ") || operands.get(1).startsWith("func ")) {
                reference(operands);
                return;
            }
            long value = decode(operands.get(1));
            slot(0x18, register(operands.get(0)), 0, 0, (int) value);
            slot(0, 0, 0, 0, (int) (value >>> 32));
        } else if (operation.startsWith("movsx")) {
            int bits = operation.startsWith("movsx8") ? 8 : Integer.parseInt(operation.substring(5, 7));
            int code = operation.endsWith("64") ? 0xBF : 0xBC;
            slot(code, register(operands.get(0)), register(operands.get(1)), bits, 0);
        } else if (operation.matches("(le|be|swap|bswap)(16|32|64)")) {
            int code = operation.startsWith("le") ? 0xD4 : operation.startsWith("be") ? 0xDC : 0xD7;
            int bits = Integer.parseInt(operation.substring(operation.length() - 2));
            slot(code, register(operands.get(0)), 0, 0, bits);
        } else if (operation.startsWith("ldx") || operation.startsWith("st")) {
            memory(operation, operands);
        } else if (operation.equals("ja")) {
            slot(0x05, 0, 0, target(operands.get(0)), 0);
        } else if (operation.equals("ja32")) {
            slot(0x06, 0, 0, 0, target(operands.get(0)));
        } else if (JUMPS.containsKey(plain)) {
            int code = JUMPS.get(plain) | (wide ? 0x05 : 0x06);
            String source = operands.get(1);
            int target = target(operands.get(2));
            if (isRegister(source)) slot(code | 8, register(operands.get(0)), register(source), target, 0);
            else slot(code, register(operands.get(0)), 0, target, number(source));
        } else if (ALU.containsKey(plain)) {
            alu(plain, wide, operands);
        } else {
            throw new SyntaxException("line " + line.number() + ": no operation '" + operation + "'");
        }
    }

    /** Beyond the suite's notation: {@code lddw %r1, map 0} and {@code lddw %r2, func label}. */
    private void reference(List<String> operands) {
        String[] what = operands.get(1).split("\\s+");
        boolean map = what[0].equals("map");
        slot(0x18, register(operands.get(0)), map ? 1 : 4, 0, map ? Integer.parseInt(what[1]) : target(what[1]));
        slot(0, 0, 0, 0, 0);
    }

    private void alu(String operation, boolean wide, List<String> operands) {
        int code = ALU.get(operation) | (wide ? 0x07 : 0x04);
        int variant = operation.equals("sdiv") || operation.equals("smod") ? 1 : 0;
        int dst = register(operands.get(0));
        if (operation.equals("neg")) slot(code, dst, 0, 0, 0);
        else if (isRegister(operands.get(1))) slot(code | 8, dst, register(operands.get(1)), variant, 0);
        else slot(code, dst, 0, variant, number(operands.get(1)));
    }

    private void memory(String operation, List<String> operands) {
        boolean load = operation.startsWith("ldx");
        String size = operation.substring(load || operation.startsWith("stx") ? 3 : 2);
        if (load) {
            boolean signed = size.startsWith("s");
            int code = SIZES.get(signed ? size.substring(1) : size) | (signed ? 0x81 : 0x61);
            slot(code, register(operands.get(0)), base(operands.get(1)), displacement(operands.get(1)), 0);
        } else if (operation.startsWith("stx")) {
            slot(
                    SIZES.get(size) | 0x63,
                    base(operands.get(0)),
                    register(operands.get(1)),
                    displacement(operands.get(0)),
                    0);
        } else {
            slot(
                    SIZES.get(size) | 0x62,
                    base(operands.get(0)),
                    0,
                    displacement(operands.get(0)),
                    number(operands.get(1)));
        }
    }

    private void atomic(String operation, boolean wide, List<String> operands) {
        String plain = operation.replaceFirst("^lock (fetch )?", "");
        int fetch = operation.startsWith("lock fetch ") ? 1 : 0;
        slot(
                wide ? 0xDB : 0xC3,
                base(operands.get(0)),
                register(operands.get(1)),
                displacement(operands.get(0)),
                ATOMICS.get(plain) | fetch);
    }

    private void call(Line line) throws SyntaxException {
        String operand = line.operands().get(0);
        if (operand.startsWith("local "))
            slot(0x85, 0, 1, 0, target(operand.substring(6).strip()));
        else if (isRegister(operand)) slot(0x8D, register(operand), 0, 0, 0);
        else slot(0x85, 0, 0, 0, number(operand));
    }

    private int target(String operand) {
        if (operand.matches("[+-]?\\d+")) return Integer.parseInt(operand);
        if (!labels.containsKey(operand)) throw new IndexOutOfBoundsException("no label " + operand);
        return labels.get(operand) - (slot + 1);
    }

    private static boolean isRegister(String operand) {
        return operand.matches("%?r\\d+");
    }

    private static int register(String operand) {
        if (!isRegister(operand)) throw new NumberFormatException(operand);
        return Integer.parseInt(operand.replaceFirst("%?r", ""));
    }

    private static int base(String operand) {
        return register(operand.replaceFirst("^\\[\\s*(%?r\\d+).*", "$1"));
    }

    private static int displacement(String operand) {
        String text = operand.replaceFirst("^\\[\\s*%?r\\d+\\s*", "").replaceAll("[]\\s]", "");
        return text.isEmpty() ? 0 : number(text.startsWith("+") ? text.substring(1) : text);
    }

    private static int number(String operand) {
        return (int) decode(operand);
    }

    private static long decode(String operand) {
        boolean negative = operand.startsWith("-");
        String digits = negative ? operand.substring(1) : operand;
        long value = digits.startsWith("0x") || digits.startsWith("0X")
                ? Long.parseUnsignedLong(digits.substring(2), 16)
                : Long.parseUnsignedLong(digits);
        return negative ? -value : value;
    }

    private void slot(int code, int dst, int src, int offset, int imm) {
        var bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) code)
                .put((byte) (src << 4 | dst))
                .putShort((short) offset)
                .putInt(imm);
        out.writeBytes(bytes.array());
        slot++;
    }
}
