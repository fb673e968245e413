// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapContents;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/**
 * Any program in the kernel, attached to nothing and run over packets that went nowhere (BPF_PROG_TEST_RUN): to measure
 * it, or to compare its answers. Needs what {@link SteeringProgram} needs. One thread at a time.
 */
public final class UnattachedProgram implements AutoCloseable {
    // linux/bpf.h: u8 opcode, u8 registers, s16 offset, s32 immediate.
    private static final long MOV64_R0_IMMEDIATE = 0xB7;
    private static final long EXIT = 0x95;

    private final String name;
    private final OwnedFd fd;
    private final Runnable release;

    private UnattachedProgram(String name, OwnedFd fd, Runnable release) {
        this.name = name;
        this.fd = fd;
        this.release = release;
    }

    /**
     * Loads one program of an object, with all of the object's maps.
     *
     * @param contents what is put into maps first, by their names
     * @throws BpfException if there is no such program or map, or the verifier refuses; with the verifier's log then
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    public static UnattachedProgram load(
            BpfObject object, String program, Map<String, List<MapContents.Entry>> contents) throws IOException {
        var definition = object.programs().stream()
                .filter(candidate -> candidate.name().equals(program))
                .findFirst()
                .orElseThrow(() -> new BpfException(object.file() + ": has no program '" + program + "', but "
                        + object.programs().stream()
                                .map(ProgramDefinition::name)
                                .toList()));
        for (String map : contents.keySet())
            if (!object.maps().containsKey(map))
                throw new BpfException(object.file() + ": has no map '" + map + "', but "
                        + object.maps().keySet());
        var loaded = LoadedObject.load(object, List.of(definition), contents);
        try {
            return new UnattachedProgram(program, loaded.program(program), loaded::close);
        } catch (Throwable e) {
            loaded.close();
            throw e;
        }
    }

    /** Loads a socket filter of two instructions that returns a constant: what a run costs if nothing is done. */
    public static UnattachedProgram constant(int answer) throws NativeException {
        var definition = new ProgramDefinition(
                "constant", "socket", ProgramType.SOCKET_FILTER, new byte[0], List.of(), List.of());
        try (var arena = Arena.ofConfined()) {
            var instructions = arena.allocateFrom(JAVA_LONG, MOV64_R0_IMMEDIATE | (long) answer << 32, EXIT);
            int result = BpfCall.load(definition, instructions, null, "GPL", null);
            if (result < 0) throw BpfCall.fault("bpf BPF_PROG_LOAD", result, "cannot load an empty eBPF program");
            var fd = OwnedFd.of(result);
            return new UnattachedProgram("constant", fd, fd::close);
        }
    }

    /**
     * What a number of runs over one packet gave.
     *
     * @param answer of the last run
     * @param nsPerRun mean duration, in whole nanoseconds
     */
    public record TestRun(int answer, long nsPerRun) {}

    /**
     * Runs the program. The kernel takes an Ethernet header off the packet first: a socket filter's data begin behind it.
     *
     * @param packet 15 bytes at least, 3,500 or so at most
     * @param repeat how many times, 1 or more
     */
    public TestRun run(byte[] packet, int repeat) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var segment = arena.allocate(packet.length);
            MemorySegment.copy(packet, 0, segment, JAVA_BYTE, 0, packet.length);
            var run = BpfCall.testRun(fd.number(), name, segment, repeat);
            return new TestRun(run.answer(), Integer.toUnsignedLong(run.nsPerRun()));
        }
    }

    /** As {@link SteeringProgram#verifiedInstructions}. */
    public int verifiedInstructions() throws NativeException {
        return BpfCall.verifiedInstructions(fd.number());
    }

    /** Frees program and maps. */
    @Override
    public void close() {
        release.run();
    }
}
