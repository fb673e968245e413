// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Programs of tests, written much as listings show them, one instruction a line:
 *
 * <pre>
 *     r1 = map flows          r2 = 5             r3 += r2            w3 s&gt;&gt;= 2
 *     r0 = *(u32 *)(r1 + 4)   *(u8 *)(r10 - 1) = r2                  lock *(u64 *)(r0 + 0) += r1
 *     if r0 == 0 goto out     out:               call 1              call function
 *     r2 = func function      kcall name 2       r1 = value flows + 4    exit
 * </pre>
 */
final class Assembly {
    private static final List<String> OPS =
            List.of("+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=");
    private static final Map<String, Integer> JUMPS = Map.ofEntries(
            Map.entry("==", 1),
            Map.entry(">", 2),
            Map.entry(">=", 3),
            Map.entry("&", 4),
            Map.entry("!=", 5),
            Map.entry("s>", 6),
            Map.entry("s>=", 7),
            Map.entry("<", 10),
            Map.entry("<=", 11),
            Map.entry("s<", 12),
            Map.entry("s<=", 13));
    private static final Map<String, Integer> ATOMICS =
            Map.of("+=", 0, "|=", 0x40, "&=", 0x50, "^=", 0xA0, "fetch+=", 1, "xchg", 0xE1, "cmpxchg", 0xF1);

    private static final Pattern LABEL = Pattern.compile("(\\w+):");
    private static final Pattern ALU = Pattern.compile("([rw])(\\d+) (s?[-+*/|&<>%^]*=) (?:[rw](\\d+)|(-?\\w+))");
    private static final Pattern NEGATE = Pattern.compile("([rw])(\\d+) = -[rw]\\d+");
    private static final Pattern EXTEND = Pattern.compile("([rw])(\\d+) = \\(s(8|16|32)\\) [rw](\\d+)");
    private static final Pattern SIGNED_DIVISION = Pattern.compile("([rw])(\\d+) s([/%])= (?:[rw](\\d+)|(-?\\w+))");
    private static final Pattern SWAP = Pattern.compile("r(\\d+) = (le|be|bswap)(16|32|64)");
    private static final Pattern LOAD = Pattern.compile("r(\\d+) = \\*\\(([us])(\\d+) \\*\\)\\(r(\\d+) ([-+] \\d+)\\)");
    private static final Pattern STORE =
            Pattern.compile("\\*\\(u(\\d+) \\*\\)\\(r(\\d+) ([-+] \\d+)\\) = (?:r(\\d+)|(-?\\w+))");
    private static final Pattern ATOMIC =
            Pattern.compile("lock \\*\\(u(\\d+) \\*\\)\\(r(\\d+) ([-+] \\d+)\\) (\\S+) r(\\d+)");
    private static final Pattern JUMP = Pattern.compile("if ([rw])(\\d+) (\\S+) (?:[rw](\\d+)|(-?\\w+)) goto (\\S+)");
    private static final Pattern GOTO = Pattern.compile("goto (\\S+)");
    private static final Pattern CALL = Pattern.compile("call (\\w+)");
    private static final Pattern KCALL = Pattern.compile("kcall (\\w+) (\\d+)");
    private static final Pattern MAP = Pattern.compile("r(\\d+) = map (\\w+)");
    private static final Pattern VALUE = Pattern.compile("r(\\d+) = value (\\w+) \\+ (\\d+)");
    private static final Pattern FUNCTION = Pattern.compile("r(\\d+) = func (\\w+)");
    private static final Pattern CONSTANT = Pattern.compile("r(\\d+) = (\\w+) ll");
    private static final Pattern PACKET = Pattern.compile("r0 = skb\\[(\\d+)\\]");
    private static final Pattern RAW = Pattern.compile("raw (\\w\\w) (\\w\\w) (-?\\d+) (-?\\d+)");

    private final Map<String, Integer> labels = new HashMap<>();
    private final List<Reference> references = new ArrayList<>();
    private final ByteBuffer out = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

    private Assembly() {}

    static ProgramDefinition program(ProgramType type, String source) {
        var lines = source.lines()
                .map(line -> line.replaceFirst("//.*", "").strip())
                .filter(line -> !line.isEmpty())
                .toList();
        var assembly = new Assembly();
        int slot = 0;
        for (var line : lines) {
            var label = LABEL.matcher(line);
            if (label.matches()) assembly.labels.put(label.group(1), slot);
            else slot += assembly.slots(line);
        }
        for (var line : lines) if (!LABEL.matcher(line).matches()) assembly.instruction(line);
        byte[] bytes = new byte[assembly.out.position()];
        assembly.out.get(0, bytes);
        return new ProgramDefinition("test", type.title(), type, bytes, assembly.references, List.of());
    }

    private int slots(String line) {
        return line.matches("r\\d+ = (map|value|func) .*|.* ll") ? 2 : 1;
    }

    private void instruction(String line) {
        Matcher m;
        int here = out.position() / 8;
        if (line.equals("exit")) put(0x95, 0, 0, 0, 0);
        else if ((m = MAP.matcher(line)).matches()) {
            references.add(new Reference.MapAddress(out.position(), m.group(2)));
            put(0x18, number(m, 1), 1, 0, 0);
            put(0, 0, 0, 0, 0);
        } else if ((m = VALUE.matcher(line)).matches()) {
            references.add(new Reference.MapValue(out.position(), m.group(2), number(m, 3)));
            put(0x18, number(m, 1), 2, 0, 0);
            put(0, 0, 0, 0, number(m, 3));
        } else if ((m = FUNCTION.matcher(line)).matches()) {
            put(0x18, number(m, 1), 4, 0, labels.get(m.group(2)) - here - 1);
            put(0, 0, 0, 0, 0);
        } else if ((m = CONSTANT.matcher(line)).matches()) {
            long constant = m.group(2).startsWith("0x")
                    ? Long.parseUnsignedLong(m.group(2).substring(2), 16)
                    : Long.parseLong(m.group(2));
            put(0x18, number(m, 1), 0, 0, (int) constant);
            put(0, 0, 0, 0, (int) (constant >>> 32));
        } else if ((m = KCALL.matcher(line)).matches()) {
            references.add(new Reference.KfuncCall(out.position(), m.group(1), number(m, 2)));
            put(0x85, 0, 2, 0, 0);
        } else if ((m = CALL.matcher(line)).matches()) {
            var label = labels.get(m.group(1));
            if (label != null) put(0x85, 0, 1, 0, label - here - 1);
            else put(0x85, 0, 0, 0, number(m, 1));
        } else if ((m = GOTO.matcher(line)).matches()) put(0x05, 0, 0, target(m.group(1), here), 0);
        else if ((m = JUMP.matcher(line)).matches()) {
            int kind = m.group(1).equals("r") ? 5 : 6;
            int opcode = JUMPS.get(m.group(3)) << 4 | kind;
            int target = target(m.group(6), here);
            if (m.group(4) != null) put(opcode | 8, number(m, 2), number(m, 4), target, 0);
            else put(opcode, number(m, 2), 0, target, number(m, 5));
        } else if ((m = PACKET.matcher(line)).matches()) put(0x20, 0, 0, 0, number(m, 1));
        else if ((m = LOAD.matcher(line)).matches())
            put(
                    0x01 | (m.group(2).equals("u") ? 0x60 : 0x80) | size(m, 3),
                    number(m, 1),
                    number(m, 4),
                    offset(m, 5),
                    0);
        else if ((m = ATOMIC.matcher(line)).matches())
            put(0xC3 | size(m, 1), number(m, 2), number(m, 5), offset(m, 3), ATOMICS.get(m.group(4)));
        else if ((m = STORE.matcher(line)).matches()) {
            if (m.group(4) != null) put(0x63 | size(m, 1), number(m, 2), number(m, 4), offset(m, 3), 0);
            else put(0x62 | size(m, 1), number(m, 2), 0, offset(m, 3), number(m, 5));
        } else if ((m = SWAP.matcher(line)).matches()) {
            int opcode = m.group(2).equals("le") ? 0xD4 : m.group(2).equals("be") ? 0xDC : 0xD7;
            put(opcode, number(m, 1), 0, 0, number(m, 3));
        } else if ((m = EXTEND.matcher(line)).matches())
            put(0xB8 | kind(m), number(m, 2), number(m, 4), number(m, 3), 0);
        else if ((m = NEGATE.matcher(line)).matches()) put(0x80 | kind(m), number(m, 2), 0, 0, 0);
        else if ((m = SIGNED_DIVISION.matcher(line)).matches()) {
            int opcode = (m.group(3).equals("/") ? 0x30 : 0x90) | kind(m);
            if (m.group(4) != null) put(opcode | 8, number(m, 2), number(m, 4), 1, 0);
            else put(opcode, number(m, 2), 0, 1, number(m, 5));
        } else if ((m = ALU.matcher(line)).matches()) {
            int opcode = OPS.indexOf(m.group(3)) << 4 | kind(m);
            // MOV and ARSH stand one further: NEG and MOD lie between.
            opcode = switch (m.group(3)) {
                case "=" -> 0xB0 | kind(m);
                case "s>>=" -> 0xC0 | kind(m);
                default -> opcode;
            };
            if (m.group(4) != null) put(opcode | 8, number(m, 2), number(m, 4), 0, 0);
            else put(opcode, number(m, 2), 0, 0, number(m, 5));
        } else if ((m = RAW.matcher(line)).matches()) {
            int registers = Integer.parseInt(m.group(2), 16);
            put(Integer.parseInt(m.group(1), 16), registers & 0xF, registers >> 4, number(m, 3), number(m, 4));
        } else throw new IllegalArgumentException(line);
    }

    private void put(int opcode, int destination, int source, int offset, int immediate) {
        out.put((byte) opcode).put((byte) (source << 4 | destination));
        out.putShort((short) offset).putInt(immediate);
    }

    private int target(String target, int here) {
        return labels.containsKey(target) ? labels.get(target) - here - 1 : Integer.parseInt(target.replace("+", ""));
    }

    private static int kind(Matcher m) {
        return m.group(1).equals("r") ? 7 : 4;
    }

    private static int size(Matcher m, int group) {
        return switch (m.group(group)) {
            case "8" -> 0x10;
            case "16" -> 0x08;
            case "32" -> 0x00;
            default -> 0x18;
        };
    }

    private static int offset(Matcher m, int group) {
        return Integer.parseInt(m.group(group).replace(" ", "").replace("+", ""));
    }

    private static int number(Matcher m, int group) {
        return (int) (long) Long.decode(m.group(group));
    }
}
