// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** A program in the form that an engine executes. */
interface ProgramCode {
    /**
     * Runs a function to its end.
     *
     * @param slot where it begins; 0 is the program itself
     * @param frame what r10 points to: offset in {@link Run#stack} of the end of the function's frame
     * @return r0
     */
    long call(Run run, int slot, int frame, long r1, long r2, long r3, long r4, long r5);
}
