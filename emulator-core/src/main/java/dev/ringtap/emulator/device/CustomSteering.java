// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.vm.VmProgram;
import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.tap.KernelTapPort;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.linux.bpf.KernelTapPrograms;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.bpf.VmTapPrograms;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;

/**
 * A TAP with a program of the user's own that chooses the queue, and the hash computed here. What a guest asks for by RSS
 * could not be honoured, so RSS is not offered. The TAP takes the program's answer modulo the queues that are attached,
 * which are those of the enabled pairs.
 */
public final class CustomSteering implements SteeringDesign {
    private final TapPort tap;
    private final String title;
    private final SteeringHook hold;
    private final Attaching attaching;
    private final Runnable closing;

    /** Lets the user's program steer. */
    @FunctionalInterface
    private interface Attaching {
        void attach() throws IOException;
    }

    private CustomSteering(TapPort tap, String title, SteeringHook hold, Attaching attaching, Runnable closing) {
        this.tap = tap;
        this.title = title;
        this.hold = hold;
        this.attaching = attaching;
        this.closing = closing;
    }

    /**
     * In the kernel.
     *
     * @param programs have a steering program; closed with the design
     * @throws IOException as {@link SteeringProgram#load}, whose program steers while the number of queues changes
     */
    public static CustomSteering on(TapDevice tap, KernelTapPrograms programs) throws IOException {
        return new CustomSteering(
                new KernelTapPort(tap),
                programs.programs().steering().title(),
                SteeringHook.inKernel(tap),
                () -> tap.setSteering(programs.steeringFd()),
                programs::close);
    }

    /**
     * In this process.
     *
     * @param programs have a steering program; closed with the design
     * @throws BpfException if ringtap's own program, which steers while the number of queues changes, is refused
     */
    public static CustomSteering on(EmulatedTap tap, VmTapPrograms programs) throws BpfException {
        VmProgram program = programs.steering();
        return new CustomSteering(
                tap,
                programs.programs().steering().title() + ", run by ebpf-vm",
                SteeringHook.inProcess(tap),
                () -> tap.setSteering(program),
                programs::close);
    }

    @Override
    public String description() {
        return "steering by " + title + ", hashes computed by the device";
    }

    @Override
    public String rssUnavailable() {
        return title + " chooses the queue";
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
    public void holdAtQueueZero() throws IOException {
        hold.configure(SteeringConfig.constant(0));
        hold.attach();
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws IOException {
        tap.setAttachedQueues(pairs);
        attaching.attach();
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        closing.run();
        hold.close();
    }
}
