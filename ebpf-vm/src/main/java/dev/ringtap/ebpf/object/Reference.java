// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

/**
 * A place in a program's instructions that a loader fills: what it means is known by name only until maps and kernel
 * functions exist. Calls of the object's own functions need none, they are linked.
 */
public sealed interface Reference {
    /** Of the instruction, from the program's first. */
    int byteOffset();

    /** A 64-bit constant that stands for a map: source register field 1 (BPF_PSEUDO_MAP_FD), constant 0. */
    record MapAddress(int byteOffset, String map) implements Reference {}

    /**
     * A 64-bit constant that stands for an address in the first value of an array map, a global variable: source
     * register field 2 (BPF_PSEUDO_MAP_VALUE), the constant's low half 0, its high half {@code valueOffset}.
     */
    record MapValue(int byteOffset, String map, int valueOffset) implements Reference {}

    /**
     * A call of a function that the object does not contain: source register field 2 (BPF_PSEUDO_KFUNC_CALL), constant
     * 0. A declaration {@code NAME___vN} asks for version N of NAME, after the convention for flavours of a name.
     *
     * @param version 0 if the declaration names none
     */
    record KfuncCall(int byteOffset, String name, int version) implements Reference {
        /** As in messages: the name, with its version if there is one. */
        public String title() {
            return version == 0 ? name : name + " version " + version;
        }
    }
}
