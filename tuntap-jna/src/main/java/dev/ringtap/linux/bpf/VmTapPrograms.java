// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.ebpf.vm.VmProgram;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A user's programs in this process, with their maps: what {@link KernelTapPrograms} is in the kernel. Of an object all
 * programs are checked, not only the chosen ones. May be used from any thread.
 */
public final class VmTapPrograms implements AutoCloseable {
    private final TapPrograms programs;
    private final Map<BpfObject, EbpfVm> objects = new LinkedHashMap<>();

    private VmTapPrograms(TapPrograms programs) {
        this.programs = programs;
    }

    /**
     * Checks the programs, makes and fills the maps of each object.
     *
     * @throws BpfException if a program is refused; names program, instruction and reason
     */
    public static VmTapPrograms load(TapPrograms programs) throws BpfException {
        var loaded = new VmTapPrograms(programs);
        try {
            loaded.load(programs.steering());
            loaded.load(programs.filter());
            return loaded;
        } catch (Throwable e) {
            loaded.close();
            throw e;
        }
    }

    private void load(TapPrograms.Chosen chosen) throws BpfException {
        if (chosen == null || objects.containsKey(chosen.object())) return;
        var vm = EbpfVm.load(chosen.object(), VmOptions.defaults());
        objects.put(chosen.object(), vm);
        for (var contents : chosen.contents().entrySet()) {
            var map = vm.map(contents.getKey());
            for (var entry : contents.getValue()) map.update(entry.key(), entry.value());
        }
    }

    /** What was loaded. */
    public TapPrograms programs() {
        return programs;
    }

    /** The steering program. There is one. */
    public VmProgram steering() throws BpfException {
        return program(programs.steering());
    }

    /** The filter. There is one. */
    public VmProgram filter() throws BpfException {
        return program(programs.filter());
    }

    private VmProgram program(TapPrograms.Chosen chosen) throws BpfException {
        return objects.get(chosen.object()).program(chosen.program().name());
    }

    @Override
    public void close() {
        objects.values().forEach(EbpfVm::close);
    }
}
