// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.emulator.device.InBandSteering;
import dev.ringtap.emulator.device.IoctlSteering;
import dev.ringtap.emulator.device.ProgramSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.KernelTapPort;
import dev.ringtap.emulator.tap.TapIoctl;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.VnetHashIoctls;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.NetHeader;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel's TAP with a steering design on it, as an emulator wants the two.
 *
 * @param port closed with the emulator
 * @param steering closed with the emulator
 * @param reason why it is this design, for people: a clause
 */
public record KernelTap(TapPort port, SteeringDesign steering, String reason) {
    private static final Logger LOG = LoggerFactory.getLogger(KernelTap.class);

    /**
     * Puts a design on a TAP that was just opened. Call it on a thread of the TAP's network namespace, and on a persistent
     * TAP {@link #removeLeftovers} before.
     *
     * @param tap the port's from now on; still open if this fails
     * @throws IllegalArgumentException if no kernel's TAP has that source
     * @throws IOException if the source that was asked for by name cannot be had here, with the reason
     */
    public static KernelTap with(TapDevice tap, HashSourceChoice choice) throws IOException {
        return switch (choice) {
            case DEVICE -> withDevice(tap, "--hash-source device");
            case EBPF -> {
                if (!tap.linkInReach()) {
                    throw new IOException("--hash-source ebpf cannot be had: %s; use --hash-source device"
                            .formatted(outOfReach(tap)));
                }
                yield new KernelTap(new KernelTapPort(tap), InBandSteering.on(tap), "--hash-source ebpf");
            }
            case KERNEL -> kernel(tap);
            case AUTO -> tap.linkInReach() ? cheapest(tap) : withDevice(tap, "ebpf cannot be had: " + outOfReach(tap));
            case VNET_HASH, KFUNC ->
                throw new IllegalArgumentException("no kernel's TAP has the hash source " + choice);
        };
    }

    /**
     * Takes away what an earlier run with hashes in band left on a persistent TAP when it was killed: frames would go on
     * to have its prefix, which no other design takes off.
     *
     * @throws IOException if there is something, and it may not be taken away without CAP_NET_ADMIN
     */
    public static void removeLeftovers(TapDevice tap) throws IOException {
        if (tap.linkInReach() && InBandProgram.removeLeftovers(tap.link())) {
            LOG.warn("removed a filter that an earlier run left at the egress of {}", tap.name());
        }
    }

    /** Hashes by the device, which works on every kernel. */
    public static KernelTap withDevice(TapDevice tap, String reason) {
        return new KernelTap(new KernelTapPort(tap), ProgramSteering.on(tap), reason);
    }

    private static String outOfReach(TapDevice tap) {
        return "it attaches to the egress of " + tap.name() + ", which is in another network namespace";
    }

    private static KernelTap cheapest(TapDevice tap) throws IOException {
        HashCost cost;
        try (HashTimer hashing = HashCost.hashing()) {
            InBandProgram program = InBandProgram.load();
            try {
                cost = HashCost.measure(program, hashing);
                if (cost != null && cost.ebpfNs() < cost.deviceNs()) {
                    return new KernelTap(new KernelTapPort(tap), InBandSteering.with(program, tap), cost.toString());
                }
            } catch (IOException | RuntimeException e) {
                try {
                    program.close();
                } catch (IOException more) {
                    e.addSuppressed(more);
                }
                throw e;
            }
            program.close();
        } catch (IOException e) {
            return withDevice(tap, "ebpf cannot be had: " + e.getMessage());
        }
        return withDevice(tap, cost == null ? "this machine is too busy to measure what ebpf costs" : cost.toString());
    }

    private static KernelTap kernel(TapDevice tap) throws IOException {
        int fd = tap.queue(0).fd().number();
        TapIoctl ioctl = (request, argument) -> Posix.ioctl(fd, request, argument.address());
        // Refuses, with the reason, what no released kernel has; before the TAP is changed.
        new VnetHashIoctls(ioctl).hashTypes();
        tap.setHeaderBytes(NetHeader.SIZE_WITH_HASH);
        TapPort port = new KernelTapPort(tap);
        return new KernelTap(port, IoctlSteering.on(port, ioctl), "--hash-source kernel");
    }
}
