// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapContents;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.MapTable;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.Reference;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Privileges;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The programs and maps of an object in the kernel. Closing it closes all of their descriptors. */
final class LoadedObject implements AutoCloseable {
    /** Lets a program go without guards against speculative execution; linux/capability.h. */
    private static final int CAP_PERFMON = 38;

    private static final int LOG_BYTES = 1 << 20;
    private static final int LOG_BYTES_MAX = 1 << 24;

    private final BpfObject object;
    private final Map<String, BpfMap> maps = new LinkedHashMap<>();
    private final Map<String, OwnedFd> programs = new LinkedHashMap<>();

    private LoadedObject(BpfObject object) {
        this.object = object;
    }

    /**
     * Loads all programs.
     *
     * @throws BpfException if the verifier refuses a program, or the kernel has no such programs
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    static LoadedObject load(BpfObject object) throws BpfException, NativeException {
        return load(object, object.programs(), Map.of());
    }

    /**
     * Loads some of the programs, and all maps.
     *
     * @param contents what is put into maps before that, by their names
     * @throws BpfException if the verifier refuses a program, or the kernel has no such programs
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    static LoadedObject load(
            BpfObject object, List<ProgramDefinition> programs, Map<String, List<MapContents.Entry>> contents)
            throws BpfException, NativeException {
        var loaded = new LoadedObject(object);
        try {
            for (var program : programs) loaded.refuseUnsupported(program);
            for (var map : object.maps().values()) loaded.create(map, contents.getOrDefault(map.name(), List.of()));
            for (var program : programs) loaded.programs.put(program.name(), loaded.program(program));
            return loaded;
        } catch (Throwable e) {
            loaded.close();
            throw e;
        }
    }

    /** What no kernel does: said before anything is created. */
    private void refuseUnsupported(ProgramDefinition program) throws BpfException {
        String what = object.file() + ", section '" + program.section() + "', program '" + program.name() + "': ";
        if (program.type().kernelNumber() == 0)
            throw new BpfException(what + "no released kernel has programs of type '"
                    + program.type().title() + "'");
        for (var reference : program.references()) {
            if (reference instanceof Reference.KfuncCall call)
                throw new BpfException(what + "calls " + call.title() + " of the kernel at offset " + call.byteOffset()
                        + ": no released kernel has it for programs of a TAP");
        }
    }

    private void create(MapDefinition definition, List<MapContents.Entry> contents)
            throws BpfException, NativeException {
        var map = BpfMap.create(definition);
        maps.put(definition.name(), map);
        if (definition.firstValue() != null) map.put(new byte[definition.keyBytes()], definition.firstValue());
        for (var entry : contents) map.put(entry.key(), entry.value());
        // Values that cannot change any more are constants to the verifier.
        if (definition.isConstant()) map.freeze();
    }

    BpfMap map(String name) throws BpfException {
        var map = maps.get(name);
        if (map == null) throw new BpfException(object.file() + ": has no map '" + name + "', but " + maps.keySet());
        return map;
    }

    OwnedFd program(String name) throws BpfException {
        var program = programs.get(name);
        if (program == null)
            throw new BpfException(object.file() + ": has no program '" + name + "', but " + programs.keySet());
        return program;
    }

    private OwnedFd program(ProgramDefinition program) throws BpfException, NativeException {
        try (var arena = Arena.ofConfined();
                var types = FunctionTypes.neededBy(program)
                        ? BpfCall.loadTypes(FunctionTypes.types(program), program.name())
                        : null) {
            var instructions = arena.allocate(program.instructions().length, 8);
            MemorySegment.copy(program.instructions(), 0, instructions, JAVA_BYTE, 0, program.instructions().length);
            for (var reference : program.references()) {
                String map = switch (reference) {
                    case Reference.MapAddress address -> address.map();
                    case Reference.MapValue value -> value.map();
                    case Reference.KfuncCall call -> throw new IllegalStateException(call.title());
                };
                int fd = maps.get(map).fd().number();
                instructions.set(JAVA_INT_UNALIGNED, reference.byteOffset() + 4, fd);
            }
            int fd = BpfCall.load(program, instructions, types, object.license(), null);
            return fd >= 0 ? OwnedFd.of(fd) : explain(program, instructions, types, fd);
        }
    }

    /** Loads again, now with a log: writing one is slow, so it is asked for only when there is something to explain. */
    private OwnedFd explain(ProgramDefinition program, MemorySegment instructions, OwnedFd types, int refused)
            throws BpfException, NativeException {
        String log = "";
        int fd = refused;
        for (int bytes = LOG_BYTES; bytes <= LOG_BYTES_MAX; bytes *= 4) {
            try (var arena = Arena.ofConfined()) {
                var buffer = arena.allocate(bytes);
                fd = BpfCall.load(program, instructions, types, object.license(), buffer);
                if (fd >= 0) return OwnedFd.of(fd); // what was missing, memory for example, is there now
                log = text(buffer);
                // Too small. Kernels before 6.4 then cut off the end, where the reason stands.
                if (fd != -Errno.ENOSPC) break;
            }
        }
        String hint = mayPerfmon() ? "" : " (CAP_PERFMON is missing: without it the verifier is stricter)";
        String doing = "cannot load the eBPF program " + program.name() + " of " + object.file();
        if (log.isBlank()) throw BpfCall.fault("bpf BPF_PROG_LOAD", refused, doing);
        var message = new StringBuilder(object.file() + ", section '" + program.section()
                + "': the kernel's verifier refused program '" + program.name() + "': " + Errno.describe(-refused)
                + hint);
        if (!object.maps().isEmpty()) message.append("\nits maps, sizes in bytes:");
        for (String line : object.maps().isEmpty()
                ? List.<String>of()
                : MapTable.lines(object.maps().values())) message.append("\n  ").append(line);
        throw new BpfException(message.append("\nwhat the verifier says:").toString(), log);
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

    @Override
    public void close() {
        programs.values().forEach(OwnedFd::close);
        maps.values().forEach(BpfMap::close);
    }
}
