// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What the kernel is told about a program besides its instructions: the functions it consists of, which it insists on
 * where one's address is taken, and the lines of source, which the verifier puts into its log.
 *
 * <p>All functions are described as {@code static int f(void)}: the verifier wants to know that a callback is static,
 * and follows the instructions without a need to know arguments. The format is the kernel's
 * (Documentation/bpf/btf.rst).
 */
final class ProgramNotes implements AutoCloseable {
    /** Of a {@code struct bpf_func_info}: the instruction a function begins at, and its type. */
    static final int FUNCTION_RECORD_BYTES = 8;
    /** Of a {@code struct bpf_line_info}: instruction, name of the file, text, line and column. */
    static final int LINE_RECORD_BYTES = 16;

    private static final int HEADER_BYTES = 24;
    private static final int TYPE_BYTES = 12;
    private static final int INT = 1 << 24;
    private static final int FUNC = 12 << 24;
    private static final int FUNC_PROTO = 13 << 24;
    private static final int SIGNED_32_BITS = 1 << 24 | 32;
    private static final int FIRST_FUNCTION = 3;
    private static final int INSTRUCTION_BYTES = 8;
    private static final int IDENTIFIER_BYTES_MAX = 100;

    private final OwnedFd types;
    private final byte[] functions;
    private final byte[] lines;

    private ProgramNotes(OwnedFd types, byte[] functions, byte[] lines) {
        this.types = types;
        this.functions = functions;
        this.lines = lines;
    }

    /** Whether the kernel takes the program only with them. */
    static boolean neededBy(ProgramDefinition program) {
        return program.functions().stream().anyMatch(ProgramDefinition.Function::callback);
    }

    /** @param withLines whether lines of source are told too, if each function begins with one */
    static ProgramNotes load(ProgramDefinition program, boolean withLines) throws NativeException {
        var names = new Names();
        var types = ByteBuffer.allocate(2 * TYPE_BYTES + 4 + program.functions().size() * TYPE_BYTES)
                .order(ByteOrder.nativeOrder());
        types.putInt(names.offsetOf("int")).putInt(INT).putInt(4).putInt(SIGNED_32_BITS);
        types.putInt(0).putInt(FUNC_PROTO).putInt(1);
        var functions = records(program.functions().size() * FUNCTION_RECORD_BYTES);
        for (int i = 0; i < program.functions().size(); i++) {
            var function = program.functions().get(i);
            types.putInt(names.offsetOf(identifier(function.name(), i)))
                    .putInt(FUNC)
                    .putInt(2);
            functions.putInt(function.byteOffset() / INSTRUCTION_BYTES).putInt(FIRST_FUNCTION + i);
        }
        byte[] lines = withLines && linesAreComplete(program) ? lines(program, names) : new byte[0];
        return new ProgramNotes(
                BpfCall.loadTypes(section(types.array(), names.bytes()), program.name()), functions.array(), lines);
    }

    private static boolean linesAreComplete(ProgramDefinition program) {
        return program.functions().stream().allMatch(function -> {
            var first = program.sourceLineAt(function.byteOffset());
            return first != null && first.byteOffset() == function.byteOffset();
        });
    }

    private static byte[] lines(ProgramDefinition program, Names names) {
        var starts = program.functions().stream()
                .map(ProgramDefinition.Function::byteOffset)
                .collect(Collectors.toSet());
        // Line 0 is the compiler's for what comes from no line.
        var told = program.sourceLines().stream()
                .filter(line -> line.line() != 0 || starts.contains(line.byteOffset()))
                .toList();
        var records = records(told.size() * LINE_RECORD_BYTES);
        for (var line : told)
            records.putInt(line.byteOffset() / INSTRUCTION_BYTES)
                    .putInt(names.offsetOf(line.file()))
                    .putInt(names.offsetOf(line.text()))
                    .putInt(line.line() << 10 | line.column());
        return records.array();
    }

    private static byte[] section(byte[] types, byte[] names) {
        return ByteBuffer.allocate(HEADER_BYTES + types.length + names.length)
                .order(ByteOrder.nativeOrder())
                .putShort((short) 0xEB9F)
                .put((byte) 1)
                .put((byte) 0)
                .putInt(HEADER_BYTES)
                .putInt(0)
                .putInt(types.length)
                .putInt(types.length)
                .putInt(names.length)
                .put(types)
                .put(names)
                .array();
    }

    private static ByteBuffer records(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
    }

    /** The kernel takes names of C, up to 127 bytes. */
    private static String identifier(String name, int number) {
        String text = name.replaceAll("[^A-Za-z0-9_]", "_");
        if (text.isEmpty() || Character.isDigit(text.charAt(0))) text = "f" + number + "_" + text;
        return text.substring(0, Math.min(text.length(), IDENTIFIER_BYTES_MAX));
    }

    /** Texts one after the other, each once; the first is empty. */
    private static final class Names {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final Map<String, Integer> offsets = new HashMap<>();

        Names() {
            offsetOf("");
        }

        int offsetOf(String text) {
            Integer known = offsets.get(text);
            if (known != null) return known;
            int offset = bytes.size();
            bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
            bytes.write(0);
            offsets.put(text, offset);
            return offset;
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }
    }

    int typesFd() {
        return types.number();
    }

    byte[] functions() {
        return functions;
    }

    /** Empty if there are none. */
    byte[] lines() {
        return lines;
    }

    @Override
    public void close() {
        types.close();
    }
}
