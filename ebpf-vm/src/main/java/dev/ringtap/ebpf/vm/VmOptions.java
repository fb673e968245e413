// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.ProgramType;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * How an object is loaded and run.
 *
 * @param kfuncs functions that programs may call by name and version
 * @param programTypes those that the place where programs will run has; an object with another one is refused
 * @param instructionBudget most instructions that one run may take; a program that takes more ends with {@link EbpfFault}
 * @param mapBytesMax most bytes that all maps of an object may take together, with what finds their keys; an object whose
 *     maps take more is refused. Maps that are put into its maps of maps are not counted
 */
public record VmOptions(
        Engine engine, Kfuncs kfuncs, Set<ProgramType> programTypes, long instructionBudget, long mapBytesMax) {
    /** As many as the kernel's verifier follows in a program. */
    public static final long DEFAULT_INSTRUCTION_BUDGET = 1_000_000;

    /** 1 GiB. */
    public static final long DEFAULT_MAP_BYTES_MAX = 1 << 30;

    public VmOptions {
        Objects.requireNonNull(engine, "engine");
        Objects.requireNonNull(kfuncs, "kfuncs");
        programTypes = Set.copyOf(programTypes);
        if (instructionBudget <= 0)
            throw new IllegalArgumentException("instruction budget is " + instructionBudget + ": must be positive");
        if (mapBytesMax < 0)
            throw new IllegalArgumentException("most bytes of all maps are " + mapBytesMax + ": must not be negative");
    }

    /** Compiled, no kfuncs, the program types of released kernels. */
    public static VmOptions defaults() {
        return new VmOptions(
                Engine.COMPILED,
                Kfuncs.none(),
                EnumSet.of(ProgramType.SOCKET_FILTER, ProgramType.SCHED_CLS, ProgramType.SCHED_ACT),
                DEFAULT_INSTRUCTION_BUDGET,
                DEFAULT_MAP_BYTES_MAX);
    }

    public VmOptions withEngine(Engine engine) {
        return new VmOptions(engine, kfuncs, programTypes, instructionBudget, mapBytesMax);
    }

    public VmOptions withKfuncs(Kfuncs kfuncs) {
        return new VmOptions(engine, kfuncs, programTypes, instructionBudget, mapBytesMax);
    }

    public VmOptions withProgramTypes(Set<ProgramType> programTypes) {
        return new VmOptions(engine, kfuncs, programTypes, instructionBudget, mapBytesMax);
    }

    public VmOptions withInstructionBudget(long instructionBudget) {
        return new VmOptions(engine, kfuncs, programTypes, instructionBudget, mapBytesMax);
    }

    public VmOptions withMapBytesMax(long mapBytesMax) {
        return new VmOptions(engine, kfuncs, programTypes, instructionBudget, mapBytesMax);
    }
}
