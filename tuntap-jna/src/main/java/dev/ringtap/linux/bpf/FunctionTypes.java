// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.ProgramDefinition;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The type information that the kernel asks for when a program takes the address of a function: it wants to know that
 * the callback is static, and then wants to know it of every function. They are all described as {@code static int f(void)};
 * the verifier follows their instructions and does not need their arguments.
 *
 * <p>The format is the kernel's (Documentation/bpf/btf.rst).
 */
final class FunctionTypes {
    /** Of a {@code struct bpf_func_info}: the instruction a function begins at, and its type. */
    static final int RECORD_BYTES = 8;

    private static final int HEADER_BYTES = 24;
    private static final int TYPE_BYTES = 12;
    private static final int INT = 1 << 24;
    private static final int FUNC = 12 << 24;
    private static final int FUNC_PROTO = 13 << 24;
    private static final int SIGNED_32_BITS = 1 << 24 | 32;
    private static final int FIRST_FUNCTION = 3;
    private static final int INSTRUCTION_BYTES = 8;

    private FunctionTypes() {}

    static boolean neededBy(ProgramDefinition program) {
        return program.functions().stream().anyMatch(ProgramDefinition.Function::callback);
    }

    /** The types, for BPF_BTF_LOAD: an int, a function without arguments that returns it, the functions. */
    static byte[] types(ProgramDefinition program) {
        var names = new StringBuilder("\0int\0");
        int typesBytes = 2 * TYPE_BYTES + 4 + program.functions().size() * TYPE_BYTES;
        var types = ByteBuffer.allocate(typesBytes).order(ByteOrder.nativeOrder());
        types.putInt(1).putInt(INT).putInt(4).putInt(SIGNED_32_BITS);
        types.putInt(0).putInt(FUNC_PROTO).putInt(1);
        for (int i = 0; i < program.functions().size(); i++) {
            types.putInt(names.length()).putInt(FUNC).putInt(2);
            names.append(identifier(program.functions().get(i).name(), i)).append('\0');
        }
        byte[] text = names.toString().getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(HEADER_BYTES + typesBytes + text.length)
                .order(ByteOrder.nativeOrder())
                .putShort((short) 0xEB9F)
                .put((byte) 1)
                .put((byte) 0)
                .putInt(HEADER_BYTES)
                .putInt(0)
                .putInt(typesBytes)
                .putInt(typesBytes)
                .putInt(text.length)
                .put(types.array())
                .put(text)
                .array();
    }

    /** The records, in the order of the functions. */
    static byte[] records(ProgramDefinition program) {
        var records =
                ByteBuffer.allocate(program.functions().size() * RECORD_BYTES).order(ByteOrder.nativeOrder());
        for (int i = 0; i < program.functions().size(); i++)
            records.putInt(program.functions().get(i).byteOffset() / INSTRUCTION_BYTES)
                    .putInt(FIRST_FUNCTION + i);
        return records.array();
    }

    /** The kernel takes names of C, up to 127 bytes. */
    private static String identifier(String name, int number) {
        String text = name.replaceAll("[^A-Za-z0-9_]", "_");
        if (text.isEmpty() || Character.isDigit(text.charAt(0))) text = "f" + number + "_" + text;
        return text.substring(0, Math.min(text.length(), 100));
    }
}
