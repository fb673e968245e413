// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Locale;

/**
 * The two programs that carry a hash in band through a TAP, with their configuration: one at the TAP's egress, which
 * puts an {@link InBandPrefix} in front of each frame and chooses the queue, and the steering program, which hands that
 * choice on. Attach the first by {@link #attachTo}, then the second by {@code TUNSETSTEERINGEBPF} with
 * {@link #steeringFd}. A frame that comes past the egress is steered all the same, and has no prefix.
 *
 * <p>Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, or CAP_SYS_ADMIN and CAP_NET_ADMIN. Methods may be called from any
 * thread unless they say otherwise; configurations take effect one by one.
 */
public final class InBandProgram implements AutoCloseable {
    private static final String RESOURCE = "inband.bpf.o";
    private static final String PREFIXER = "ringtap_prefix";
    private static final String STEERING = "ringtap_steer_prefixed";
    private static final String ACTIVE = "ringtap_inband";
    private static final int ETHERNET_HEADER_BYTES = 14;

    private final LoadedObject object;
    private final BpfMap active;
    private final OwnedFd prefixer;
    private final OwnedFd steering;
    private final long nonce;
    private EgressHook hook;

    private InBandProgram(LoadedObject object, long nonce) throws IOException {
        this.object = object;
        this.nonce = nonce;
        active = object.map(ACTIVE);
        prefixer = object.program(PREFIXER);
        steering = object.program(STEERING);
        var inner = active.definition().inner();
        if (inner == null || inner.valueBytes() != InBandLayout.SIZE_BYTES)
            throw new BpfException(RESOURCE + ": map '" + ACTIVE + "' does not hold configurations of "
                    + InBandLayout.SIZE_BYTES + " bytes");
        configure(InBandConfig.withoutPrefix(SteeringConfig.constant(0)));
    }

    /**
     * Loads the built object, with a nonce of its own. Until it is configured there is no prefix, and every packet goes
     * to queue 0.
     *
     * @throws BpfException if the kernel's verifier refuses a program; carries its log
     * @throws NativeException if the kernel refuses for another reason, such as a missing privilege
     */
    public static InBandProgram load() throws IOException {
        return load(new SecureRandom().nextLong());
    }

    static InBandProgram load(long nonce) throws IOException {
        var object = LoadedObject.load(BpfObject.parse(RESOURCE, SteeringProgram.builtObject(RESOURCE)));
        try {
            return new InBandProgram(object, nonce);
        } catch (Throwable e) {
            object.close();
            throw e;
        }
    }

    /**
     * Attaches at the egress of an interface, by tcx or else by clsact, behind the programs of others. Call it once, on
     * a thread of the interface's network namespace.
     *
     * @param link stays open as long as this object
     * @throws IllegalStateException on a thread of another namespace
     */
    public void attachTo(LinkConfig link) throws IOException {
        if (hook != null) throw new IllegalStateException("attached already");
        hook = EgressHook.attach(link, prefixer);
    }

    void attachTo(LinkConfig link, EgressHook.Kind kind) throws IOException {
        if (hook != null) throw new IllegalStateException("attached already");
        hook = EgressHook.attach(link, prefixer, kind);
    }

    /** How it is attached, for people: {@code tcx} or {@code clsact}; {@code null} if it is not. */
    public String attachedBy() {
        return hook == null ? null : hook.kind().name().toLowerCase(Locale.ROOT);
    }

    /**
     * Detaches from an interface what an earlier process left there when it was killed; without clsact there is nothing
     * ever. Needs CAP_NET_ADMIN only if there is something.
     *
     * @return whether there was something
     */
    public static boolean removeLeftovers(LinkConfig link) throws NativeException {
        return EgressHook.removeLeftovers(link);
    }

    /** What prefixes of these programs carry, and no sender can know. */
    public long nonce() {
        return nonce;
    }

    /** As {@link SteeringProgram#configure}, for both programs at once. */
    public synchronized void configure(InBandConfig config) throws NativeException {
        try (var arena = Arena.ofConfined();
                var next = BpfMap.create(active.definition().inner())) {
            next.set(0, InBandLayout.encode(config, nonce, arena));
            active.set(0, next);
        }
    }

    /** The steering program's descriptor, to attach it with; it stays this object's. */
    public int steeringFd() {
        return steering.number();
    }

    /**
     * How many instructions the kernel's verifier went through to accept the two programs; its limit is a million each.
     *
     * @return 0 on kernels before 5.16, which do not tell
     */
    public int verifiedInstructions() throws NativeException {
        return BpfCall.verifiedInstructions(prefixer.number()) + BpfCall.verifiedInstructions(steering.number());
    }

    /**
     * What one frame costs in the kernel, in nanoseconds.
     *
     * @param prefixNs to hash it and put the prefix in front, at the egress
     * @param handOnNs to steer it by its prefix
     * @param steerNs to steer it without a prefix, hash included
     */
    public record Cost(long prefixNs, long handOnNs, long steerNs) {}

    /**
     * Measures the programs under the configuration in force, which has RSS and a prefix (BPF_PROG_TEST_RUN).
     *
     * @param frame from its destination MAC address, 14 to about 3,500 bytes
     * @param repeat how many times, 1 or more
     */
    public Cost measure(byte[] frame, int repeat) throws NativeException {
        if (repeat < 1) throw new IllegalArgumentException("repeat " + repeat + ": must be 1 or more");
        try (var arena = Arena.ofConfined()) {
            var bare = arena.allocate(frame.length);
            MemorySegment.copy(frame, 0, bare, JAVA_BYTE, 0, frame.length);
            // A test run of a socket filter takes off an Ethernet header first.
            var bareInside = arena.allocate(ETHERNET_HEADER_BYTES + frame.length);
            bareInside.asSlice(0, ETHERNET_HEADER_BYTES).fill((byte) 0xFF);
            MemorySegment.copy(frame, 0, bareInside, JAVA_BYTE, ETHERNET_HEADER_BYTES, frame.length);
            int before = ETHERNET_HEADER_BYTES + InBandPrefix.BYTES;
            var prefixedInside = arena.allocate(before + frame.length);
            prefixedInside.asSlice(0, ETHERNET_HEADER_BYTES).fill((byte) 0xFF);
            InBandPrefix.write(prefixedInside, ETHERNET_HEADER_BYTES, nonce, 0, 1);
            MemorySegment.copy(frame, 0, prefixedInside, JAVA_BYTE, before, frame.length);

            long handOn = repeatedRuns(steering, STEERING, prefixedInside, repeat);
            // Repeated within one call the first program would put prefix before prefix, which is no measure. So
            // it runs once a call, and what a single run takes too long is taken off as the other program, run
            // both ways, has it.
            long single = medianOfSingleRuns(prefixer, PREFIXER, bare, repeat);
            long tooLong = Math.max(0, medianOfSingleRuns(steering, STEERING, prefixedInside, repeat) - handOn);
            return new Cost(
                    Math.max(0, single - tooLong), handOn, repeatedRuns(steering, STEERING, bareInside, repeat));
        }
    }

    /** What one frame costs altogether in the kernel, in nanoseconds: {@link #measure} for a frame with a prefix. */
    public long nsPerFrame(byte[] frame, int repeat) throws NativeException {
        var cost = measure(frame, repeat);
        return cost.prefixNs() + cost.handOnNs();
    }

    private static long repeatedRuns(OwnedFd program, String name, MemorySegment packet, int runs)
            throws NativeException {
        return Integer.toUnsignedLong(
                BpfCall.testRun(program.number(), name, packet, runs).nsPerRun());
    }

    private static long medianOfSingleRuns(OwnedFd program, String name, MemorySegment packet, int runs)
            throws NativeException {
        long[] ns = new long[runs];
        for (int i = 0; i < runs; i++)
            ns[i] = Integer.toUnsignedLong(
                    BpfCall.testRun(program.number(), name, packet, 1).nsPerRun());
        Arrays.sort(ns);
        return ns[runs / 2];
    }

    /** Detaches from the egress, closes programs and maps. The kernel frees them when nothing is attached any more. */
    @Override
    public void close() throws NativeException {
        try (object) {
            if (hook != null) hook.close();
        }
    }
}
