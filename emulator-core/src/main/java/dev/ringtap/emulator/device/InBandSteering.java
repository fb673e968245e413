// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.datapath.InBandHashSource;
import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.RssConfig;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel's TAP with a program at its egress that hashes each packet, writes the hash in front of the frame and chooses
 * the queue: the design {@code ebpf}. Without hash reports no prefix is made, and the steering program hashes.
 *
 * <p>Under automatic steering the program hashes and leaves the choice to the kernel, which finds a packet's flow by where
 * its network header is, not by what is in front.
 *
 * <p>Between automatic steering and RSS lies a constant choice of queue 0, as {@link ProgramSteering} has it. Packets get
 * no prefix then, and one that got it a moment before goes to queue 0 unless its queue was chosen with it.
 */
public final class InBandSteering implements SteeringDesign {
    private static final Logger LOG = LoggerFactory.getLogger(InBandSteering.class);

    private final TapDevice tap;
    private final InBandProgram program;
    private boolean byProgram;
    /** As it would be if the TAP's reader took checksums. */
    private InBandConfig wanted = InBandConfig.withoutPrefix(SteeringConfig.constant(0));

    private boolean checksums;

    private InBandSteering(TapDevice tap, InBandProgram program) {
        this.tap = tap;
        this.program = program;
    }

    /**
     * Loads the programs and attaches the one at the egress. Call it on a thread of the TAP's network namespace.
     *
     * @throws IOException if the kernel refuses a program or its attachment
     */
    public static InBandSteering on(TapDevice tap) throws IOException {
        InBandProgram program = InBandProgram.load();
        try {
            return with(program, tap);
        } catch (IOException | RuntimeException e) {
            try {
                program.close();
            } catch (NativeException more) {
                e.addSuppressed(more);
            }
            throw e;
        }
    }

    /**
     * As {@link #on}, with programs that are loaded.
     *
     * @param program not attached yet; closed with the design, and still open if this fails
     */
    public static InBandSteering with(InBandProgram program, TapDevice tap) throws IOException {
        program.configure(InBandConfig.withoutPrefix(SteeringConfig.constant(0)));
        // Filters that somebody left on a persistent TAP would look at prefixes.
        tap.clearTransmitFilter();
        tap.clearFilter();
        program.attachTo(tap.link());
        return new InBandSteering(tap, program);
    }

    @Override
    public String description() {
        return "program at the TAP's egress (%s), hashes in band".formatted(program.attachedBy());
    }

    @Override
    public String rssUnavailable() {
        return null;
    }

    @Override
    public HashSource hashSource(int queue) {
        return new InBandHashSource(queue, program.nonce());
    }

    @Override
    public void rss(HashRules rules, boolean reported) throws NativeException {
        if (!byProgram) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        RssConfig rss = rules.steering();
        configure(
                SteeringConfig.rss(
                        rss.hashTypes(),
                        rss.unclassifiedQueue(),
                        rss.table(),
                        rules.key().byteTable()),
                reported && rss.hashTypes() != 0);
        byProgram = true;
    }

    @Override
    public void holdAtQueueZero() throws NativeException {
        configure(SteeringConfig.constant(0), false);
        tap.setSteering(program.steeringFd());
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws NativeException {
        if (byProgram && wanted.prefix()) {
            // No hash of the old configuration on a queue that the kernel chooses.
            holdAtQueueZero();
        }
        tap.setAttachedQueues(pairs);
        tap.clearSteering();
        byProgram = false;
        if (reported && rules.key() != null && rules.enabledTypes() != 0) {
            configure(SteeringConfig.hashOnly(rules.enabledTypes(), rules.key().byteTable()), true);
        } else {
            configure(SteeringConfig.constant(0), false);
        }
    }

    private void configure(SteeringConfig steering, boolean prefix) throws NativeException {
        program.configure(new InBandConfig(steering, prefix, checksums));
        wanted = new InBandConfig(steering, prefix, true);
    }

    @Override
    public void beforeOffloads(int tunFlags) throws NativeException {
        if ((tunFlags & TunOffload.CSUM) == 0) {
            beforeSegmentation(false);
        }
    }

    @Override
    public void afterOffloads(int tunFlags) throws NativeException {
        if ((tunFlags & TunOffload.CSUM) != 0) {
            beforeSegmentation(true);
        }
    }

    private void beforeSegmentation(boolean allowed) throws NativeException {
        if (checksums == allowed) {
            return;
        }
        if (wanted.prefix()) {
            program.configure(new InBandConfig(wanted.steering(), true, allowed));
        }
        checksums = allowed;
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        try {
            program.close();
        } catch (NativeException e) {
            LOG.warn("the program at the egress of {} may have stayed: {}", tap.name(), e.getMessage());
        }
    }
}
