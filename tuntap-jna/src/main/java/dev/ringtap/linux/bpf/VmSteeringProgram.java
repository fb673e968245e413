// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.Kfuncs;
import dev.ringtap.ebpf.vm.VmMap;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.ebpf.vm.VmProgram;
import java.lang.foreign.Arena;
import java.util.EnumSet;

/**
 * The object of {@link SteeringProgram}, or one that also answers with the hash, run by {@code ebpf-vm} in this process: the
 * same instructions, the same configuration. Methods may be called from any thread; configurations take effect one by one.
 */
public final class VmSteeringProgram implements AutoCloseable {
    /** The only key of the map of maps, little-endian 0. */
    private static final byte[] KEY = new byte[4];

    private static final String REPORTING_RESOURCE = "kfunc.bpf.o";
    private static final String REPORTING_PROGRAM = "ringtap_steer_reporting";
    private static final String VNET_HASH_RESOURCE = "vnet_hash.bpf.o";
    private static final String VNET_HASH_PROGRAM = "ringtap_vnet_hash";

    private final EbpfVm vm;
    private final VmMap active;
    private final VmProgram program;

    private VmSteeringProgram(EbpfVm vm, String program) throws BpfException {
        this.vm = vm;
        active = vm.map(SteeringProgram.ACTIVE);
        this.program = vm.program(program);
        configure(SteeringConfig.constant(0));
    }

    /**
     * Loads the built object. Every packet goes to queue 0 until it is configured.
     *
     * @throws BpfException if the program does not pass the check
     */
    public static VmSteeringProgram load() throws BpfException {
        return load(VmOptions.defaults());
    }

    /** As {@link #load()}, by a runtime with other properties. */
    public static VmSteeringProgram load(VmOptions options) throws BpfException {
        return load(SteeringProgram.RESOURCE, SteeringProgram.PROGRAM, options);
    }

    /**
     * Loads the program that reports its hash by a function of the runtime's; otherwise as {@link #load()}.
     *
     * @param exports functions that there are
     * @throws BpfException if the program does not pass the check, or the function is not there in the version it asks for
     */
    public static VmSteeringProgram loadReporting(Kfuncs exports) throws BpfException {
        return load(REPORTING_RESOURCE, REPORTING_PROGRAM, VmOptions.defaults().withKfuncs(exports));
    }

    /**
     * Loads the program of the proposed type, which has queue and hash in fields of its context; otherwise as
     * {@link #load()}.
     *
     * @throws BpfException if the program does not pass the check
     */
    public static VmSteeringProgram loadVnetHash() throws BpfException {
        return load(
                VNET_HASH_RESOURCE,
                VNET_HASH_PROGRAM,
                VmOptions.defaults().withProgramTypes(EnumSet.of(ProgramType.VNET_HASH)));
    }

    private static VmSteeringProgram load(String resource, String program, VmOptions options) throws BpfException {
        BpfObject object = BpfObject.parse(resource, SteeringProgram.builtObject(resource));
        return new VmSteeringProgram(EbpfVm.load(object, options), program);
    }

    /**
     * Puts a configuration into force as a whole. Runs of the program that have begun may still go by the previous one when
     * this returns: who has to know, waits for them.
     *
     * @throws BpfException if the map cannot be made
     */
    public synchronized void configure(SteeringConfig config) throws BpfException {
        byte[] value;
        try (var arena = Arena.ofConfined()) {
            value = SteeringLayout.encode(config, arena).toArray(JAVA_BYTE);
        }
        VmMap next = VmMap.create(active.definition().inner());
        next.update(KEY, value);
        active.update(KEY, next);
    }

    /** The program, to attach it. */
    public VmProgram program() {
        return program;
    }

    @Override
    public void close() {
        vm.close();
    }
}
