// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.InvalidInstructionException;
import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import java.util.ArrayList;
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
    private final Map<String, VmMap> maps = new LinkedHashMap<>();
    private final Map<String, VmProgram> programs = new LinkedHashMap<>();
    private volatile Consumer<String> trace = line -> {};

    private EbpfVm(String file) {
        this.file = file;
    }

    /**
     * Makes the maps, checks every program, and prepares it for the engine.
     *
     * @throws BpfException if anything is refused; names section, program, instruction and reason
     */
    public static EbpfVm load(BpfObject object, VmOptions options) throws BpfException {
        var vm = new EbpfVm(object.file());
        var made = new ArrayList<ProgramMap>();
        var memory = new MapMemory(options.mapBytesMax());
        for (var definition : object.maps().values()) {
            try {
                made.add(ProgramMap.create(definition, memory));
            } catch (BpfException e) {
                throw new BpfException(object.file() + ": " + e.getMessage());
            }
        }
        for (var map : made) vm.maps.put(map.definition().name(), map);
        var linker = new Linker(object, options, MapTable.of(made), vm::print);
        for (var definition : object.programs()) {
            var program = linker.link(definition);
            program.prepare(options.engine());
            vm.programs.put(program.name(), program);
        }
        return vm;
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
        return Collections.unmodifiableMap(maps);
    }

    /** @throws BpfException if the object has no such map */
    public VmMap map(String name) throws BpfException {
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
        var program = programs.get(name);
        if (program == null) throw new BpfException(file + ": has no program '" + name + "', but " + programs.keySet());
        return program;
    }

    @Override
    public void close() {
        programs.clear();
        maps.clear();
    }
}
