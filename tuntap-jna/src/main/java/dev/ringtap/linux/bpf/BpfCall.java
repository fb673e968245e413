// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.posix.Privileges;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The commands of {@code bpf(2)}, with the offsets of {@code union bpf_attr} in linux/bpf.h. The kernel opens every
 * descriptor it makes here with O_CLOEXEC. Nothing is pinned: what is loaded lives as long as a descriptor or an
 * attachment of it.
 *
 * <p>May be called from any thread.
 */
final class BpfCall {
    private static final int MAP_CREATE = 0;
    private static final int MAP_LOOKUP_ELEM = 1;
    private static final int MAP_UPDATE_ELEM = 2;
    private static final int PROG_LOAD = 5;
    private static final int PROG_TEST_RUN = 10;
    private static final int OBJ_GET_INFO_BY_FD = 15;
    private static final int BTF_LOAD = 18;
    private static final int MAP_FREEZE = 22;
    private static final int LINK_CREATE = 28;

    /** enum bpf_attach_type: what packets meet that leave the host through an interface. Since Linux 6.6. */
    private static final int TCX_EGRESS = 47;

    private static final int NAME_BYTES = 15;
    /** A signal makes the verifier and a test run give up with EAGAIN or EINTR; the JVM uses signals. */
    private static final int ATTEMPTS = 10;

    private static final long NUMBER = switch (System.getProperty("os.arch")) {
        case "amd64" -> 321;
        case "aarch64", "riscv64", "loongarch64" -> 280;
        case String other -> throw new UnsupportedOperationException("eBPF on " + other);
    };

    private BpfCall() {}

    /** @param inner a map like those that this map of maps will hold, or null */
    static OwnedFd createMap(MapDefinition map, OwnedFd inner) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(44, 8);
            attr.set(JAVA_INT, 0, map.type());
            attr.set(JAVA_INT, 4, map.keyBytes());
            attr.set(JAVA_INT, 8, map.valueBytes());
            attr.set(JAVA_INT, 12, map.maxEntries());
            attr.set(JAVA_INT, 16, map.flags());
            if (inner != null) attr.set(JAVA_INT, 20, inner.number());
            setName(attr, 28, map.name());
            long fd = call(MAP_CREATE, attr);
            if (fd == -Errno.EPERM && LockedMemory.raiseLimit()) fd = call(MAP_CREATE, attr);
            if (fd < 0) throw fault("bpf BPF_MAP_CREATE", fd, "cannot create the eBPF map " + map.description());
            return OwnedFd.of((int) fd);
        }
    }

    static void update(int mapFd, String map, MemorySegment key, MemorySegment value) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            long result = call(MAP_UPDATE_ELEM, element(arena, mapFd, key, value));
            if (result < 0) throw fault("bpf BPF_MAP_UPDATE_ELEM", result, "cannot set a value of the eBPF map " + map);
        }
    }

    static void lookup(int mapFd, String map, MemorySegment key, MemorySegment value) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            long result = call(MAP_LOOKUP_ELEM, element(arena, mapFd, key, value));
            if (result < 0)
                throw fault("bpf BPF_MAP_LOOKUP_ELEM", result, "cannot read a value of the eBPF map " + map);
        }
    }

    /** From now on nobody changes the map through a descriptor. */
    static void freeze(int mapFd, String map) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(8, 8);
            attr.set(JAVA_INT, 0, mapFd);
            long result = call(MAP_FREEZE, attr);
            if (result < 0) throw fault("bpf BPF_MAP_FREEZE", result, "cannot freeze the eBPF map " + map);
        }
    }

    /** @param types in the format of section .BTF */
    static OwnedFd loadTypes(byte[] types, String program) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(32, 8);
            attr.set(
                    JAVA_LONG,
                    0,
                    arena.allocate(types.length, 8)
                            .copyFrom(MemorySegment.ofArray(types))
                            .address());
            attr.set(JAVA_INT, 16, types.length);
            long fd = call(BTF_LOAD, attr);
            if (fd < 0) throw fault("bpf BPF_BTF_LOAD", fd, "cannot describe the functions of program " + program);
            return OwnedFd.of((int) fd);
        }
    }

    private static MemorySegment element(Arena arena, int mapFd, MemorySegment key, MemorySegment value) {
        var attr = arena.allocate(32, 8);
        attr.set(JAVA_INT, 0, mapFd);
        attr.set(JAVA_LONG, 8, key.address());
        attr.set(JAVA_LONG, 16, value.address());
        return attr;
    }

    /**
     * @param instructions relocated: maps stand in them as descriptors
     * @param notes that describe the program, or null
     * @param log receives what the verifier says, or null; an empty log after a refusal means the verifier did not run
     * @return the descriptor or the negated errno
     */
    static int load(
            ProgramDefinition program,
            MemorySegment instructions,
            ProgramNotes notes,
            String license,
            MemorySegment log) {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(notes == null ? 72 : 112, 8);
            attr.set(JAVA_INT, 0, program.type().kernelNumber());
            attr.set(JAVA_INT, 4, (int) (instructions.byteSize() / 8));
            attr.set(JAVA_LONG, 8, instructions.address());
            attr.set(JAVA_LONG, 16, arena.allocateFrom(license).address());
            if (log != null) {
                attr.set(JAVA_INT, 24, 1);
                attr.set(JAVA_INT, 28, (int) log.byteSize());
                attr.set(JAVA_LONG, 32, log.address());
            }
            setName(attr, 48, program.name());
            if (notes != null) {
                attr.set(JAVA_INT, 72, notes.typesFd());
                setRecords(arena, attr, 76, notes.functions(), ProgramNotes.FUNCTION_RECORD_BYTES);
                setRecords(arena, attr, 92, notes.lines(), ProgramNotes.LINE_RECORD_BYTES);
            }
            long fd = call(PROG_LOAD, attr);
            if (fd == -Errno.EPERM && LockedMemory.raiseLimit()) fd = call(PROG_LOAD, attr);
            return (int) fd;
        }
    }

    /**
     * Attaches a program behind those that are at the egress of an interface of the calling thread's network namespace.
     *
     * @return the link; the program is detached when its last descriptor is closed
     * @throws NativeException EINVAL if the kernel does not know this way to attach
     */
    static OwnedFd linkTcxEgress(int programFd, int interfaceIndex) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(48, 8);
            attr.set(JAVA_INT, 0, programFd);
            attr.set(JAVA_INT, 4, interfaceIndex);
            attr.set(JAVA_INT, 8, TCX_EGRESS);
            long fd = call(LINK_CREATE, attr);
            if (fd < 0)
                throw new NativeException(
                        "bpf BPF_LINK_CREATE",
                        (int) -fd,
                        "cannot attach a program to the egress of interface " + interfaceIndex
                                + (fd == -Errno.EPERM ? " (CAP_NET_ADMIN is needed)" : ""));
            return OwnedFd.of((int) fd);
        }
    }

    /** Answer and mean duration of a program run over a packet. */
    record TestRun(int answer, int nsPerRun) {}

    static TestRun testRun(int programFd, String program, MemorySegment packet, int repeat) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var attr = arena.allocate(64, 8);
            attr.set(JAVA_INT, 0, programFd);
            attr.set(JAVA_INT, 8, (int) packet.byteSize());
            attr.set(JAVA_LONG, 16, packet.address());
            attr.set(JAVA_INT, 32, repeat);
            long result = call(PROG_TEST_RUN, attr);
            if (result < 0)
                throw fault(
                        "bpf BPF_PROG_TEST_RUN",
                        result,
                        "cannot run the eBPF program " + program + " over a packet of " + packet.byteSize() + " bytes");
            return new TestRun(attr.get(JAVA_INT, 4), attr.get(JAVA_INT, 36));
        }
    }

    /** {@code verified_insns} of {@code struct bpf_prog_info}: 0 on kernels before 5.16. */
    static int verifiedInstructions(int programFd) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var info = arena.allocate(224, 8);
            var attr = arena.allocate(16, 8);
            attr.set(JAVA_INT, 0, programFd);
            attr.set(JAVA_INT, 4, (int) info.byteSize());
            attr.set(JAVA_LONG, 8, info.address());
            long result = call(OBJ_GET_INFO_BY_FD, attr);
            if (result < 0) throw fault("bpf BPF_OBJ_GET_INFO_BY_FD", result, "cannot read about an eBPF program");
            return info.get(JAVA_INT, 216);
        }
    }

    static NativeException fault(String call, long result, String doing) {
        int errno = (int) -result;
        if (errno == Errno.EPERM) doing += whyNotPermitted();
        if (errno == Errno.ENOSYS) doing += " (this kernel has no eBPF)";
        return new NativeException(call, errno, doing);
    }

    private static String whyNotPermitted() {
        try {
            if (Privileges.current().mayLoadBpf())
                return " (CAP_BPF is there, but a seccomp filter or a user namespace stands in the way)";
        } catch (IOException e) {
            // The usual reason, then.
        }
        return " (CAP_BPF is needed, or CAP_SYS_ADMIN)";
    }

    private static long call(int command, MemorySegment attr) {
        long result = -Errno.EAGAIN;
        for (int i = 0; i < ATTEMPTS && (result == -Errno.EAGAIN || result == -Errno.EINTR); i++)
            result = Posix.syscall(NUMBER, command, attr.address(), attr.byteSize(), 0, 0, 0);
        return result;
    }

    /** Size of a record, address of all, their number, from {@code offset}. */
    private static void setRecords(Arena arena, MemorySegment attr, long offset, byte[] records, int recordBytes) {
        if (records.length == 0) return;
        var copy = arena.allocate(records.length, 8).copyFrom(MemorySegment.ofArray(records));
        attr.set(JAVA_INT, offset, recordBytes);
        attr.set(JAVA_LONG, offset + 4, copy.address());
        attr.set(JAVA_INT, offset + 12, records.length / recordBytes);
    }

    /** The kernel takes up to 15 letters, digits, underscores and dots. */
    private static void setName(MemorySegment attr, long offset, String name) {
        byte[] text = name.replaceAll("[^A-Za-z0-9_.]", "_").getBytes(StandardCharsets.US_ASCII);
        MemorySegment.copy(text, 0, attr, JAVA_BYTE, offset, Math.min(text.length, NAME_BYTES));
    }
}
