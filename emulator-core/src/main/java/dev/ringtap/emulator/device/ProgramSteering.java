// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.RssConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel's TAP with a steering program that chooses the queue, and the hash computed once more here.
 *
 * <p>Between automatic steering and RSS lies a constant choice of queue 0, which either side allows: the kernel takes the
 * program's result modulo the number of attached queues, so while that number changes no other choice would be true to one
 * of the configurations.
 */
public final class ProgramSteering implements SteeringDesign {
    private static final Logger LOG = LoggerFactory.getLogger(ProgramSteering.class);

    private final TapDevice tap;
    private final SteeringProgram program;
    private final String unavailable;
    private boolean byProgram;

    private ProgramSteering(TapDevice tap, SteeringProgram program, String unavailable) {
        this.tap = tap;
        this.program = program;
        this.unavailable = unavailable;
    }

    /** Loads the steering program. Where the kernel refuses it there is automatic steering, and no RSS. */
    public static ProgramSteering on(TapDevice tap) {
        try {
            return new ProgramSteering(tap, SteeringProgram.load(), null);
        } catch (BpfException | NativeException e) {
            LOG.warn("RSS is not offered, the steering program cannot be loaded: {}", e.getMessage());
            return new ProgramSteering(tap, null, e.getMessage());
        }
    }

    @Override
    public String description() {
        return program == null
                ? "automatic steering by the kernel, hashes computed by the device"
                : "steering program in the kernel, hashes computed by the device";
    }

    @Override
    public String rssUnavailable() {
        return unavailable;
    }

    @Override
    public HashSource hashSource(int queue) {
        return new DeviceHashSource(queue);
    }

    @Override
    public void rss(HashRules rules, boolean reported) throws NativeException {
        if (!byProgram) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        RssConfig rss = rules.steering();
        program.configure(SteeringConfig.rss(
                rss.hashTypes(),
                rss.unclassifiedQueue(),
                rss.table(),
                rules.key().byteTable()));
        byProgram = true;
    }

    @Override
    public void holdAtQueueZero() throws NativeException {
        if (program != null) {
            program.configure(SteeringConfig.constant(0));
            tap.setSteering(program.fd());
        }
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws NativeException {
        tap.setAttachedQueues(pairs);
        if (program != null) {
            tap.clearSteering();
        }
        byProgram = false;
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        if (program != null) {
            program.close();
        }
    }
}
