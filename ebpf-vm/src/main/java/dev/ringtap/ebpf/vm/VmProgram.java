// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.ProgramType;

/** A program that is ready to run. Any number of threads may run it at once, each with its own {@link SkBuff}. */
public interface VmProgram {
    String name();

    ProgramType type();

    /**
     * Runs it once. Nothing is allocated.
     *
     * @param skb the packet; the program may change it where its type may
     * @return what the program left in r0. A program of a type with a 32-bit result: its low 32 bits, sign-extended
     * @throws EbpfFault if the program does what it must not at run time, or exceeds its budget
     */
    long run(SkBuff skb);
}
