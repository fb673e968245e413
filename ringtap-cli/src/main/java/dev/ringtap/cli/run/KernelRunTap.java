// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.device.CustomSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.KernelTapPort;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.linux.bpf.KernelTapPrograms;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** A TAP of the kernel's: an interface of this machine. */
final class KernelRunTap implements RunTap {
    /** Of a TAP whose interface is out of reach nothing else is known. */
    private static final int USUAL_MTU = 1500;

    private final TapPort port;
    private final SteeringDesign steering;
    private final int mtu;
    private final List<String> lines;

    private KernelRunTap(TapPort port, SteeringDesign steering, int mtu, List<String> lines) {
        this.port = port;
        this.mtu = mtu;
        this.steering = steering;
        this.lines = List.copyOf(lines);
    }

    /**
     * Sets the interface up.
     *
     * @param tap just opened; closed with what is returned, or if this fails
     * @param wantedMtu bytes, or null to leave it as it is
     * @param hashSource who computes hashes, unless a steering program of the user's leaves that to the device
     */
    static KernelRunTap open(
            TapDevice tap,
            Integer wantedMtu,
            List<HostAddress> addresses,
            HashSourceChoice hashSource,
            ProgramOptions programOptions,
            TapPrograms programs)
            throws IOException {
        try {
            int mtu = wantedMtu == null ? USUAL_MTU : wantedMtu;
            if (tap.linkInReach()) {
                prepareLink(tap.link(), wantedMtu, addresses);
                mtu = tap.link().mtu();
            } else if (!addresses.isEmpty()) {
                throw new IOException(
                        "--address: %s is in another network namespace; give it addresses there".formatted(tap.name()));
            }
            // A persistent TAP keeps the programs of a process that was killed, whoever chooses queues and hashes now.
            KernelTap.removeLeftovers(tap);
            tap.clearSteering();
            tap.clearFilter();
            return with(tap, mtu, hashSource, programOptions, programs);
        } catch (IOException | RuntimeException e) {
            tap.close();
            throw e;
        }
    }

    /** Changes only what is not so already: the owner of a persistent TAP may use it, and may not change it. */
    private static void prepareLink(LinkConfig link, Integer mtu, List<HostAddress> addresses) throws IOException {
        if (mtu != null && link.mtu() != mtu) {
            link.setMtu(mtu);
        }
        for (HostAddress address : addresses) {
            link.addAddress(address.address(), address.prefixLength());
        }
        if (!link.info().up()) {
            try {
                link.setUp(true);
            } catch (NativeException e) {
                throw new IOException(
                        e.getMessage() + "; whoever made it has to: ip link set %s up".formatted(link.name()), e);
            }
        }
    }

    /** Attaches the user's filter, and his steering program if there is one. */
    private static KernelRunTap with(
            TapDevice tap, int mtu, HashSourceChoice hashSource, ProgramOptions programOptions, TapPrograms programs)
            throws IOException {
        List<String> lines = new ArrayList<>();
        KernelTapPrograms loaded = programOptions.load(programs);
        try {
            if (programs.filter() != null) {
                tap.setFilter(loaded.filterFd());
                lines.add("filter: " + programs.filter().title());
            }
            if (programs.steering() != null) {
                SteeringDesign steering = CustomSteering.on(tap, loaded);
                return new KernelRunTap(new KernelTapPort(tap), steering, mtu, lines);
            }
        } catch (IOException e) {
            loaded.close();
            throw e;
        }
        loaded.close(); // the TAP keeps the filter
        KernelTap steered = programs.filter() != null && hashSource == HashSourceChoice.AUTO
                ? KernelTap.withDevice(tap, "the filter is to see frames as they are")
                : KernelTap.with(tap, hashSource);
        lines.add("hashes: %s (%s)".formatted(steered.steering().description(), steered.reason()));
        return new KernelRunTap(steered.port(), steered.steering(), mtu, lines);
    }

    @Override
    public TapPort port() {
        return port;
    }

    @Override
    public SteeringDesign steering() {
        return steering;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public List<String> lines() {
        return lines;
    }

    @Override
    public void guestReady() {
        // The kernel is ready for it at any time.
    }

    @Override
    public void close() {
        steering.close();
        port.close();
    }
}
