// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.linux.net.EgressFilter;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Small programs for the egress of an interface, written by hand. */
public final class EgressProgram {
    private static final int MOVE = 0xB7;
    private static final int EXIT = 0x95;

    private EgressProgram() {}

    /**
     * Loads a program.
     *
     * @param verdict what it returns
     * @param instructions before that: operation, register, constant of each
     */
    static OwnedFd load(int verdict, int... instructions) throws NativeException {
        var code = ByteBuffer.allocate((instructions.length / 3 + 2) * 8).order(ByteOrder.nativeOrder());
        for (int i = 0; i < instructions.length; i += 3)
            instruction(code, instructions[i], instructions[i + 1], instructions[i + 2]);
        instruction(code, MOVE, 0, verdict);
        instruction(code, EXIT, 0, 0);
        var definition =
                new ProgramDefinition("by_hand", "tc", ProgramType.SCHED_CLS, code.array(), List.of(), List.of());
        try (var arena = Arena.ofConfined()) {
            var off = arena.allocate(code.capacity(), 8);
            off.asByteBuffer().put(code.array());
            int fd = BpfCall.load(definition, off, null, "GPL", null);
            return OwnedFd.of(NativeException.check(fd, "bpf BPF_PROG_LOAD", "cannot load a program for a test"));
        }
    }

    /** A filter of that name that lets everything pass. */
    public static EgressFilter passAll(LinkConfig link, String name) throws NativeException {
        try (var program = load(-1)) {
            return EgressFilter.attach(link, program.number(), name);
        }
    }

    private static void instruction(ByteBuffer code, int operation, int register, int constant) {
        code.put((byte) operation).put((byte) register).putShort((short) 0).putInt(constant);
    }
}
