// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** What the constant of a 64-bit load stands for: the instruction's source field. */
public enum Pseudo {
    NONE,
    /** A map, by descriptor. */
    MAP,
    /** An address inside the value of a map of one value, by descriptor; the upper half is the offset. */
    MAP_VALUE,
    /** A variable of the kernel, by BTF. */
    KERNEL_VARIABLE,
    /** A function of the program, relative to the next instruction. */
    FUNCTION,
    /** A map, by index. */
    MAP_INDEX,
    MAP_VALUE_INDEX;

    static final Pseudo[] VALUES = values();
}
