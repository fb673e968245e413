// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.linux.bpf.KernelTapPrograms;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;

/**
 * The kernel's TAP with a program of the user's own that chooses the queue, and the hash computed here. What a guest asks
 * for by RSS could not be honoured, so RSS is not offered. The kernel takes the program's answer modulo the queues that are
 * attached, which are those of the enabled pairs.
 */
public final class CustomSteering implements SteeringDesign {
    private final TapDevice tap;
    private final KernelTapPrograms programs;
    private final SteeringProgram hold;

    private CustomSteering(TapDevice tap, KernelTapPrograms programs, SteeringProgram hold) {
        this.tap = tap;
        this.programs = programs;
        this.hold = hold;
    }

    /**
     * @param programs have a steering program; closed with the design
     * @throws BpfException as {@link SteeringProgram#load}, whose program steers while the number of queues changes
     */
    public static CustomSteering on(TapDevice tap, KernelTapPrograms programs) throws BpfException, NativeException {
        return new CustomSteering(tap, programs, SteeringProgram.load());
    }

    @Override
    public String description() {
        return "steering by " + programs.programs().steering().title() + ", hashes computed by the device";
    }

    @Override
    public String rssUnavailable() {
        return programs.programs().steering().title() + " chooses the queue";
    }

    @Override
    public HashSource hashSource(int queue) {
        return new DeviceHashSource(queue);
    }

    @Override
    public void rss(HashRules rules, boolean reported) {
        throw new IllegalStateException("RSS was not offered: " + rssUnavailable());
    }

    @Override
    public void holdAtQueueZero() throws NativeException {
        hold.configure(SteeringConfig.constant(0));
        tap.setSteering(hold.fd());
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws BpfException, NativeException {
        tap.setAttachedQueues(pairs);
        tap.setSteering(programs.steeringFd());
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        programs.close();
        hold.close();
    }
}
