// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The programs and maps of one object, loaded into this process. */
public final class EbpfVm implements AutoCloseable {
    private final BpfObject object;
    private final Map<String, VmMap> maps = new LinkedHashMap<>();
    private final Map<String, VmProgram> programs = new LinkedHashMap<>();

    private EbpfVm(BpfObject object, VmOptions options) {
        this.object = object;
    }

    /**
     * Makes the maps, checks every program, and prepares it for the engine.
     *
     * @throws BpfException if anything is refused; names section, program, instruction and reason
     */
    public static EbpfVm load(BpfObject object, VmOptions options) throws BpfException {
        return new EbpfVm(object, options);
    }

    public Map<String, VmMap> maps() {
        return Map.copyOf(maps);
    }

    /** @throws BpfException if the object has no such map */
    public VmMap map(String name) throws BpfException {
        var map = maps.get(name);
        if (map == null) throw new BpfException(object.file() + ": has no map '" + name + "', but " + maps.keySet());
        return map;
    }

    public List<VmProgram> programs() {
        return List.copyOf(programs.values());
    }

    /** @throws BpfException if the object has no such program */
    public VmProgram program(String name) throws BpfException {
        var program = programs.get(name);
        if (program == null)
            throw new BpfException(object.file() + ": has no program '" + name + "', but " + programs.keySet());
        return program;
    }

    @Override
    public void close() {
        maps.clear();
        programs.clear();
    }
}
