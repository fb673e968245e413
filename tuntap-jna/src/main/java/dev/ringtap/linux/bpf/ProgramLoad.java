// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapTable;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Privileges;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/** The load of one program whose maps exist, and the explanation when the kernel refuses it. */
final class ProgramLoad {
    /** Lets a program go without guards against speculative execution; linux/capability.h. */
    private static final int CAP_PERFMON = 38;

    private static final int LOG_BYTES = 1 << 20;
    private static final int LOG_BYTES_MAX = 1 << 24;
    /** The last line of the log of a program that was verified, with whatever result. */
    private static final String WAS_VERIFIED = "processed ";

    private final BpfObject object;
    private final ProgramDefinition program;
    private final MemorySegment instructions;

    /** @param instructions relocated: maps stand in them as descriptors */
    ProgramLoad(BpfObject object, ProgramDefinition program, MemorySegment instructions) {
        this.object = object;
        this.program = program;
        this.instructions = instructions;
    }

    /**
     * @throws BpfException if the verifier refuses the program
     * @throws NativeException if the kernel refuses for another reason
     */
    OwnedFd load() throws BpfException, NativeException {
        int fd;
        try (var notes = ProgramNotes.neededBy(program) ? ProgramNotes.load(program, false) : null) {
            fd = BpfCall.load(program, instructions, notes, object.license(), null);
        }
        return fd >= 0 ? OwnedFd.of(fd) : explain(fd);
    }

    /** An attempt with a log. */
    private record Attempt(int result, String log) {}

    /** Loads again, now with a log: writing one is slow, so it is asked for only when there is something to explain. */
    private OwnedFd explain(int refused) throws BpfException, NativeException {
        var attempt = attemptWithLines();
        if (attempt.result < 0 && !attempt.log.contains(WAS_VERIFIED)) attempt = attempt(false);
        if (attempt.result >= 0) return OwnedFd.of(attempt.result); // what was missing, memory maybe, is there now
        if (attempt.log.isBlank())
            throw BpfCall.fault(
                    "bpf BPF_PROG_LOAD",
                    refused,
                    "cannot load the eBPF program " + program.name() + " of " + object.file());
        String hint = mayPerfmon() ? "" : " (CAP_PERFMON is missing: without it the verifier is stricter)";
        var message = new StringBuilder(object.file() + ", section '" + program.section()
                + "': the kernel's verifier refused program '" + program.name() + "': " + Errno.describe(-refused)
                + hint);
        if (!object.maps().isEmpty()) {
            message.append("\nits maps, sizes in bytes:");
            for (String line : MapTable.lines(object.maps().values()))
                message.append("\n  ").append(line);
        }
        throw new BpfException(message.append("\nwhat the verifier says:").toString(), attempt.log);
    }

    /** With the lines of source in the log, if the kernel takes them. */
    private Attempt attemptWithLines() {
        try {
            return attempt(true);
        } catch (NativeException e) {
            return new Attempt(-1, ""); // before 5.0 there was nothing of this kind; the program is what matters
        }
    }

    private Attempt attempt(boolean withLines) throws NativeException {
        boolean noted = withLines || ProgramNotes.neededBy(program);
        try (var notes = noted ? ProgramNotes.load(program, withLines) : null) {
            var attempt = new Attempt(0, "");
            for (int bytes = LOG_BYTES; bytes <= LOG_BYTES_MAX; bytes *= 4) {
                try (var arena = Arena.ofConfined()) {
                    var buffer = arena.allocate(bytes);
                    int fd = BpfCall.load(program, instructions, notes, object.license(), buffer);
                    attempt = new Attempt(fd, text(buffer));
                    // Too small. Kernels before 6.4 then cut off the end, where the reason stands.
                    if (fd != -Errno.ENOSPC) break;
                }
            }
            return attempt;
        }
    }

    private static boolean mayPerfmon() {
        try {
            var privileges = Privileges.current();
            return privileges.has(CAP_PERFMON) || privileges.has(Privileges.CAP_SYS_ADMIN);
        } catch (IOException e) {
            return true; // no hint then
        }
    }

    private static String text(MemorySegment buffer) {
        long end = 0;
        while (end < buffer.byteSize() && buffer.get(JAVA_BYTE, end) != 0) end++;
        return new String(buffer.asSlice(0, end).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
