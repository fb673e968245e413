// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapContents;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.Reference;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The programs and maps of an object in the kernel. Closing it closes all of their descriptors. */
final class LoadedObject implements AutoCloseable {
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
        try (var arena = Arena.ofConfined()) {
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
            return new ProgramLoad(object, program, instructions).load();
        }
    }

    @Override
    public void close() {
        programs.values().forEach(OwnedFd::close);
        maps.values().forEach(BpfMap::close);
    }
}
