// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.List;

/**
 * A program of an object, linked: the function that is called first, and behind it every function of the object that it
 * reaches. Calls between them, and addresses of callbacks (a 64-bit constant with source register field 4,
 * BPF_PSEUDO_FUNC), are relative as the kernel wants them.
 *
 * @param section where it was found; its name says the program's type
 * @param instructions 8 bytes each, with holes at the references; not to be changed
 * @param references what a loader fills in, by ascending offset
 * @param functions what the instructions consist of, without gaps; the first is the program itself
 * @param sourceLines where they come from, by ascending offset; empty if the compiler did not record it
 */
public record ProgramDefinition(
        String name,
        String section,
        ProgramType type,
        byte[] instructions,
        List<Reference> references,
        List<Function> functions,
        List<SourceLine> sourceLines) {

    /** A program of unknown source. */
    public ProgramDefinition(
            String name,
            String section,
            ProgramType type,
            byte[] instructions,
            List<Reference> references,
            List<Function> functions) {
        this(name, section, type, instructions, references, functions, List.of());
    }

    /** The line that an instruction comes from, or null if it is not known. */
    public SourceLine sourceLineAt(int byteOffset) {
        SourceLine found = null;
        for (var line : sourceLines) {
            if (line.byteOffset() > byteOffset) break;
            found = line;
        }
        return found;
    }

    /**
     * A function among the instructions.
     *
     * @param byteOffset of its first instruction
     * @param callback whether its address is taken
     */
    public record Function(String name, int byteOffset, int sizeBytes, boolean callback) {}
}
