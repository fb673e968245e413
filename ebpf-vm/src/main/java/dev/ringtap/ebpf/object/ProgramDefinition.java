// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.List;

/**
 * A program as an object file holds it.
 *
 * @param section where it was found; its name says the program's type
 * @param type number of {@code enum bpf_prog_type}
 * @param instructions 8 bytes each, as in the file; not to be changed
 * @param mapReferences where the address of a map is loaded
 */
public record ProgramDefinition(
        String name, String section, int type, byte[] instructions, List<MapReference> mapReferences) {
    public static final int SOCKET_FILTER = 1;
    public static final int SCHED_CLS = 3;

    /** The instruction at {@code byteOffset} (16 bytes long) loads the map. */
    public record MapReference(int byteOffset, String map) {}
}
