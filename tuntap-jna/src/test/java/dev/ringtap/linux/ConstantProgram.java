// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/** The smallest BPF program: a socket filter that returns a constant. To test what a TAP makes of the answer. */
public final class ConstantProgram {
    private static final int BPF_PROG_LOAD = 5;
    private static final int BPF_PROG_TYPE_SOCKET_FILTER = 1;

    // linux/bpf.h: u8 opcode, u8 registers, s16 offset, s32 immediate.
    private static final long MOV64_R0_IMMEDIATE = 0xb7;
    private static final long EXIT = 0x95;

    // The first fields of union bpf_attr for BPF_PROG_LOAD.
    private static final int PROG_TYPE = 0;
    private static final int INSN_CNT = 4;
    private static final int INSNS = 8;
    private static final int LICENSE = 16;
    private static final int ATTR_BYTES = 48;

    private ConstantProgram() {}

    /** Loads a program that returns a constant. */
    public static OwnedFd load(int answer) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var instructions =
                    arena.allocateFrom(ValueLayout.JAVA_LONG, MOV64_R0_IMMEDIATE | (long) answer << 32, EXIT);
            var attr = arena.allocate(ATTR_BYTES, 8);
            attr.set(ValueLayout.JAVA_INT, PROG_TYPE, BPF_PROG_TYPE_SOCKET_FILTER);
            attr.set(ValueLayout.JAVA_INT, INSN_CNT, 2);
            attr.set(ValueLayout.JAVA_LONG, INSNS, instructions.address());
            attr.set(ValueLayout.JAVA_LONG, LICENSE, arena.allocateFrom("GPL").address());
            long bpf = SystemCallNumbers.of(321, 280);
            long result = Posix.syscall(bpf, BPF_PROG_LOAD, attr.address(), ATTR_BYTES, 0, 0, 0);
            return OwnedFd.of((int) NativeException.check(result, "bpf BPF_PROG_LOAD", "cannot load a BPF program"));
        }
    }
}
