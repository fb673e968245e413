// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.tap.KernelTapPort;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.RssConfig;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A TAP with a steering program that chooses the queue, and the hash computed once more here. The kernel runs the program
 * for its TAP, this process for an emulated one.
 *
 * <p>Between automatic steering and RSS lies a constant choice of queue 0, which either side allows: the TAP takes the
 * program's result modulo the number of attached queues, so while that number changes no other choice would be true to one
 * of the configurations.
 */
public final class ProgramSteering implements SteeringDesign {
    private static final Logger LOG = LoggerFactory.getLogger(ProgramSteering.class);

    private final TapPort tap;
    private final SteeringHook hook;
    private final String unavailable;
    private boolean byProgram;

    private ProgramSteering(TapPort tap, SteeringHook hook, String unavailable) {
        this.tap = tap;
        this.hook = hook;
        this.unavailable = unavailable;
    }

    /** Loads the steering program. Where the kernel refuses it there is automatic steering, and no RSS. */
    public static ProgramSteering on(TapDevice tap) {
        return on(new KernelTapPort(tap), () -> SteeringHook.inKernel(tap));
    }

    /** Loads the steering program into this process. Where that is refused there is automatic steering, and no RSS. */
    public static ProgramSteering on(EmulatedTap tap) {
        return on(tap, () -> SteeringHook.inProcess(tap));
    }

    @FunctionalInterface
    private interface Loading {
        SteeringHook load() throws IOException;
    }

    private static ProgramSteering on(TapPort tap, Loading loading) {
        try {
            return new ProgramSteering(tap, loading.load(), null);
        } catch (IOException e) {
            LOG.warn("RSS is not offered, the steering program cannot be loaded: {}", e.getMessage());
            return new ProgramSteering(tap, null, e.getMessage());
        }
    }

    @Override
    public String description() {
        return hook == null
                ? "automatic steering by the TAP, hashes computed by the device"
                : "steering program " + hook.runner() + ", hashes computed by the device";
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
    public void rss(HashRules rules, boolean reported) throws IOException {
        if (!byProgram) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        RssConfig rss = rules.steering();
        hook.configure(SteeringConfig.rss(
                rss.hashTypes(),
                rss.unclassifiedQueue(),
                rss.table(),
                rules.key().byteTable()));
        byProgram = true;
    }

    @Override
    public void holdAtQueueZero() throws IOException {
        if (hook != null) {
            hook.configure(SteeringConfig.constant(0));
            hook.attach();
        }
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws IOException {
        tap.setAttachedQueues(pairs);
        if (hook != null) {
            hook.detach();
        }
        byProgram = false;
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        if (hook != null) {
            hook.close();
        }
    }
}
