// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An XDP program that sends everything into one interface, past its TC hook and its steering. It runs over frames that
 * a test makes, which are then packets like any other (BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18).
 */
final class XdpRedirect implements AutoCloseable {
    private static final int PROG_LOAD = 5;
    private static final int PROG_TEST_RUN = 10;
    private static final int TYPE_XDP = 6;
    private static final int REDIRECT = 23;
    private static final int LIVE_FRAMES = 2;
    private static final long NUMBER = System.getProperty("os.arch").equals("amd64") ? 321 : 280;

    private final OwnedFd program;

    private XdpRedirect(OwnedFd program) {
        this.program = program;
    }

    static XdpRedirect to(int interfaceIndex) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var code = arena.allocate(4 * 8, 8);
            instruction(code, 0, 0xB7, 1, interfaceIndex);
            instruction(code, 1, 0xB7, 2, 0);
            instruction(code, 2, 0x85, 0, REDIRECT);
            instruction(code, 3, 0x95, 0, 0);
            var attr = arena.allocate(72, 8);
            attr.set(JAVA_INT, 0, TYPE_XDP);
            attr.set(JAVA_INT, 4, 4);
            attr.set(JAVA_LONG, 8, code.address());
            attr.set(JAVA_LONG, 16, arena.allocateFrom("GPL").address());
            long fd = Posix.syscall(NUMBER, PROG_LOAD, attr.address(), attr.byteSize(), 0, 0, 0);
            return new XdpRedirect(
                    OwnedFd.of((int) NativeException.check(fd, "bpf BPF_PROG_LOAD", "cannot load an XDP program")));
        }
    }

    private static void instruction(MemorySegment code, int index, int operation, int register, int constant) {
        code.set(JAVA_BYTE, index * 8L, (byte) operation);
        code.set(JAVA_BYTE, index * 8L + 1, (byte) register);
        code.set(JAVA_SHORT, index * 8L + 2, (short) 0);
        code.set(JAVA_INT, index * 8L + 4, constant);
    }

    /** Sends a frame; on a thread of the interface's network namespace. */
    void send(byte[] frame) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var packet = arena.allocate(frame.length);
            MemorySegment.copy(frame, 0, packet, JAVA_BYTE, 0, frame.length);
            var attr = arena.allocate(80, 8);
            attr.set(JAVA_INT, 0, program.number());
            attr.set(JAVA_INT, 8, frame.length);
            attr.set(JAVA_LONG, 16, packet.address());
            attr.set(JAVA_INT, 32, 1);
            attr.set(JAVA_INT, 64, LIVE_FRAMES);
            long result = Posix.syscall(NUMBER, PROG_TEST_RUN, attr.address(), attr.byteSize(), 0, 0, 0);
            NativeException.check(result, "bpf BPF_PROG_TEST_RUN", "cannot send a frame by XDP");
        }
    }

    @Override
    public void close() {
        program.close();
    }
}
