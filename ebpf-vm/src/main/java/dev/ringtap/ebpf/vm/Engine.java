// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** Who executes a program. Both give the same answers; the interpreter is the reference. */
public enum Engine {
    /** JVM bytecode, one class per program, which HotSpot compiles to machine code. */
    COMPILED,
    INTERPRETED
}
