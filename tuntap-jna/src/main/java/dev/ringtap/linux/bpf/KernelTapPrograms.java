// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.linux.posix.NativeException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A user's programs in the kernel, with their maps. An attached program stays in force, and its maps with it, after this
 * object is closed. May be used from any thread.
 */
public final class KernelTapPrograms implements AutoCloseable {
    private final TapPrograms programs;
    private final Map<BpfObject, LoadedObject> objects = new LinkedHashMap<>();

    private KernelTapPrograms(TapPrograms programs) {
        this.programs = programs;
    }

    /**
     * Creates and fills the maps of each object, loads the chosen programs.
     *
     * @throws BpfException if the kernel's verifier refuses a program; carries its log
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    public static KernelTapPrograms load(TapPrograms programs) throws BpfException, NativeException {
        var loaded = new KernelTapPrograms(programs);
        try {
            loaded.load(programs.steering());
            loaded.load(programs.filter());
            return loaded;
        } catch (Throwable e) {
            loaded.close();
            throw e;
        }
    }

    private void load(TapPrograms.Chosen chosen) throws BpfException, NativeException {
        if (chosen == null || objects.containsKey(chosen.object())) return;
        objects.put(chosen.object(), LoadedObject.load(chosen.object(), chosenOf(chosen.object()), chosen.contents()));
    }

    private List<ProgramDefinition> chosenOf(BpfObject object) {
        var chosen = new ArrayList<ProgramDefinition>();
        for (var program : new TapPrograms.Chosen[] {programs.steering(), programs.filter()}) {
            if (program != null && program.object() == object && !chosen.contains(program.program()))
                chosen.add(program.program());
        }
        return chosen;
    }

    /** What was loaded. */
    public TapPrograms programs() {
        return programs;
    }

    /** Descriptor of the steering program, which stays this object's. There is one. */
    public int steeringFd() throws BpfException {
        return fd(programs.steering());
    }

    /** Descriptor of the filter, which stays this object's. There is one. */
    public int filterFd() throws BpfException {
        return fd(programs.filter());
    }

    private int fd(TapPrograms.Chosen chosen) throws BpfException {
        return objects.get(chosen.object()).program(chosen.program().name()).number();
    }

    @Override
    public void close() {
        objects.values().forEach(LoadedObject::close);
    }
}
