// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.InvalidInstructionException;
import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * The programs and maps of one object, loaded into this process. Programs are run and maps are used from any thread.
 * Closing the VM drops them; who still holds one can go on using it.
 */
public final class EbpfVm implements AutoCloseable {
    private final String file;

    // Not changed but by close, which puts others in their place: other threads may be reading them.
    private volatile Map<String, VmMap> maps;
    private volatile Map<String, VmProgram> programs;
    private volatile Consumer<String> trace = line -> {};

    private EbpfVm(BpfObject object, VmOptions options) throws BpfException {
        file = object.file();
        var memory = new MapMemory(options.mapBytesMax());
        var made = new LinkedHashMap<String, ProgramMap>();
        for (var definition : object.maps().values()) {
            try {
                made.put(definition.name(), ProgramMap.create(definition, memory));
            } catch (BpfException e) {
                throw new BpfException(file + ": " + e.getMessage());
            }
        }
        maps = Collections.unmodifiableMap(made);
        var linker = new Linker(object, options, MapTable.of(made.values()), this::print);
        var linked = new LinkedHashMap<String, VmProgram>();
        for (var definition : object.programs()) {
            var program = linker.link(definition);
            program.prepare(options.engine());
            linked.put(program.name(), program);
        }
        programs = Collections.unmodifiableMap(linked);
    }

    /**
     * Makes the maps, checks every program, and prepares it for the engine.
     *
     * @throws BpfException if anything is refused; names section, program, instruction and reason
     */
    public static EbpfVm load(BpfObject object, VmOptions options) throws BpfException {
        return new EbpfVm(object, options);
    }

    /**
     * A program over plain memory, without maps or checks beyond the form of its instructions: r1 points to the bytes of
     * the {@link SkBuff}, r2 is their number. For tests of the instruction set; what such a program does wrong is found
     * when it runs.
     *
     * @param instructions 8 bytes each
     * @throws BpfException if they are no instructions, or a jump leaves the program
     */
    public static VmProgram memoryProgram(String name, byte[] instructions, VmOptions options) throws BpfException {
        Code code;
        try {
            code = Code.decode(instructions);
        } catch (InvalidInstructionException e) {
            throw new BpfException("program '" + name + "', instruction " + e.slot() + ": " + e.getMessage());
        }
        ControlFlow.check(name, code);
        var program = new LinkedProgram(
                name, null, code, MapTable.of(List.of()), Map.of(), Map.of(), options.instructionBudget(), line -> {});
        program.prepare(options.engine());
        return program;
    }

    private void print(String line) {
        trace.accept(line);
    }

    /** Who gets the lines that programs print with {@code bpf_trace_printk}, on the threads that run them. Nobody at first. */
    public void onTrace(Consumer<String> consumer) {
        trace = Objects.requireNonNull(consumer);
    }

    /** By name, in the order of the object; global variables last, named after their section. */
    public Map<String, VmMap> maps() {
        return maps;
    }

    /** @throws BpfException if the object has no such map */
    public VmMap map(String name) throws BpfException {
        var maps = this.maps;
        var map = maps.get(name);
        if (map == null) throw new BpfException(file + ": has no map '" + name + "', but " + maps.keySet());
        return map;
    }

    /** In the order of the object. */
    public List<VmProgram> programs() {
        return List.copyOf(programs.values());
    }

    /** @throws BpfException if the object has no such program */
    public VmProgram program(String name) throws BpfException {
        var programs = this.programs;
        var program = programs.get(name);
        if (program == null) throw new BpfException(file + ": has no program '" + name + "', but " + programs.keySet());
        return program;
    }

    @Override
    public void close() {
        programs = Map.of();
        maps = Map.of();
    }
}
