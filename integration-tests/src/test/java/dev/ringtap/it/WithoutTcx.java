// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;

/**
 * Linux before 6.6, as far as tcx goes: a seccomp filter under which BPF_LINK_CREATE fails with EINVAL, as such a kernel
 * answers. Everything else is as it was.
 */
final class WithoutTcx {
    private static final boolean AMD64 = System.getProperty("os.arch").equals("amd64");
    private static final int SECCOMP = AMD64 ? 317 : 277;
    private static final int BPF = AMD64 ? 321 : 280;
    private static final int LINK_CREATE = 28;
    private static final int SET_MODE_FILTER = 1;

    // linux/seccomp.h: struct seccomp_data, and what to answer. Of the argument the lower half, little-endian.
    private static final int NUMBER_OFFSET = 0;
    private static final int FIRST_ARGUMENT_OFFSET = 16;
    private static final int ALLOW = 0x7FFF_0000;
    private static final int FAIL = 0x0005_0000;

    // linux/bpf_common.h: classic BPF.
    private static final int LOAD_WORD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int RETURN = 0x06;

    private static final int INSTRUCTION_BYTES = 8;

    private WithoutTcx() {}

    /** From now on, for the calling thread and the processes that it starts. Needs CAP_SYS_ADMIN. */
    static void onThisThread() throws NativeException {
        // Operation, jumps if true and if not, constant.
        int[][] program = {
            {LOAD_WORD, 0, 0, NUMBER_OFFSET},
            {JUMP_IF_EQUAL, 0, 3, BPF},
            {LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET},
            {JUMP_IF_EQUAL, 0, 1, LINK_CREATE},
            {RETURN, 0, 0, FAIL | Errno.EINVAL},
            {RETURN, 0, 0, ALLOW},
        };
        try (var arena = Arena.ofConfined()) {
            // struct sock_filter: u16 code, u8 jt, u8 jf, u32 k.
            var instructions = arena.allocate((long) program.length * INSTRUCTION_BYTES, 8);
            for (int i = 0; i < program.length; i++) {
                long at = (long) i * INSTRUCTION_BYTES;
                instructions.set(JAVA_SHORT, at, (short) program[i][0]);
                instructions.set(JAVA_BYTE, at + 2, (byte) program[i][1]);
                instructions.set(JAVA_BYTE, at + 3, (byte) program[i][2]);
                instructions.set(JAVA_INT, at + 4, program[i][3]);
            }
            // struct sock_fprog: u16 len, pointer.
            var filter = arena.allocate(16, 8);
            filter.set(JAVA_SHORT, 0, (short) program.length);
            filter.set(JAVA_LONG, 8, instructions.address());
            NativeException.check(
                    Posix.syscall(SECCOMP, SET_MODE_FILTER, 0, filter.address(), 0, 0, 0),
                    "seccomp",
                    "cannot take tcx away from a thread");
        }
    }
}
