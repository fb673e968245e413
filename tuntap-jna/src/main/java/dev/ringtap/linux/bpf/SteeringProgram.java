// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The steering program of a multi-queue TAP in the kernel, with its configuration. Attach it by
 * {@code TUNSETSTEERINGEBPF} with {@link #fd}; an attached program stays in force, with its last configuration, after
 * this object is closed. A TAP with one queue does not run it.
 *
 * <p>Needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN. With CAP_BPF alone a recent kernel loads it too, with guards against
 * speculative execution that make it several times slower. Methods may be called from any thread; configurations take effect one by one.
 */
public final class SteeringProgram implements AutoCloseable {
    private static final String RESOURCE = "steering.bpf.o";
    private static final String PROGRAM = "ringtap_steer";
    private static final String ACTIVE = "ringtap_active";
    private static final int ETHERNET_HEADER_BYTES = 14;

    private final LoadedObject object;
    private final BpfMap active;
    private final OwnedFd program;
    private volatile SteeringConfig current;

    private SteeringProgram(LoadedObject object) throws BpfException, NativeException {
        this.object = object;
        active = object.map(ACTIVE);
        program = object.program(PROGRAM);
        var inner = active.definition().inner();
        if (inner == null || inner.valueBytes() != SteeringLayout.SIZE_BYTES)
            throw new BpfException(RESOURCE + ": map '" + ACTIVE + "' does not hold configurations of "
                    + SteeringLayout.SIZE_BYTES + " bytes");
        configure(SteeringConfig.constant(0));
    }

    /**
     * Loads the built object. Every packet goes to queue 0 until it is configured.
     *
     * @throws BpfException if the kernel's verifier refuses the program; carries its log
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    public static SteeringProgram load() throws BpfException, NativeException {
        var object = LoadedObject.load(BpfObject.parse(RESOURCE, builtObject()));
        try {
            return new SteeringProgram(object);
        } catch (Throwable e) {
            object.close();
            throw e;
        }
    }

    static byte[] builtObject() {
        try (var resource = SteeringProgram.class.getResourceAsStream(RESOURCE)) {
            if (resource == null) throw new IllegalStateException(RESOURCE + " is missing from this build");
            return resource.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Puts a configuration into force as a whole: a packet is steered by the previous one or by this one, and when this
     * method returns none is being steered by the previous one any more. (A packet that was steered before may still
     * wait in its queue.) Takes some milliseconds, a grace period of the kernel's RCU; not on a packet loop.
     *
     * @throws NativeException if the kernel refuses; the previous configuration stays in force
     */
    public synchronized void configure(SteeringConfig config) throws NativeException {
        try (var arena = Arena.ofConfined();
                var next = BpfMap.create(active.definition().inner())) {
            next.set(0, SteeringLayout.encode(config, arena));
            active.set(0, next);
        }
        current = config;
    }

    /** The configuration in force. */
    public SteeringConfig current() {
        return current;
    }

    /** The program's descriptor, to attach it with; it stays this object's. */
    public int fd() {
        return program.number();
    }

    /**
     * How many instructions the kernel's verifier went through to accept the program; its limit is a million.
     *
     * @return 0 on kernels before 5.16, which do not tell
     */
    public int verifiedInstructions() throws NativeException {
        return BpfCall.verifiedInstructions(fd());
    }

    /**
     * Answer of the program for a packet that did not go through a TAP.
     *
     * @param queue as the program returned it, before the kernel takes it modulo the number of queues
     * @param nsPerRun mean duration of a run, in nanoseconds
     */
    public record TestRun(int queue, long nsPerRun) {}

    /**
     * Runs the program over a frame without a device (BPF_PROG_TEST_RUN), under the configuration in force. The frame
     * has no hardware-accelerated VLAN tag.
     *
     * @param frame from its destination MAC address, 1 to about 3,500 bytes
     * @param repeat how many times, 1 or more
     */
    public TestRun testRun(byte[] frame, int repeat) throws NativeException {
        if (repeat < 1) throw new IllegalArgumentException("repeat " + repeat + ": must be 1 or more");
        try (var arena = Arena.ofConfined()) {
            // A test run of a socket filter takes off an Ethernet header first, while a TAP shows the program the
            // whole frame. So there is one more to take off, of a type that is no protocol.
            var packet = arena.allocate(ETHERNET_HEADER_BYTES + frame.length);
            packet.asSlice(0, ETHERNET_HEADER_BYTES).fill((byte) 0xFF);
            MemorySegment.copy(frame, 0, packet, JAVA_BYTE, ETHERNET_HEADER_BYTES, frame.length);
            var run = BpfCall.testRun(fd(), PROGRAM, packet, repeat);
            return new TestRun(run.answer(), Integer.toUnsignedLong(run.nsPerRun()));
        }
    }

    /** Closes program and maps. The kernel frees them when the program is attached nowhere any more. */
    @Override
    public void close() {
        object.close();
    }
}
