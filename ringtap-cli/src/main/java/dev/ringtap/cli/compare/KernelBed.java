// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.io.IOException;
import java.nio.file.Path;

/** A TAP of the kernel's in a network namespace of its own; frames are sent by a packet socket. */
final class KernelBed implements Bed {
    /** The only interface of its namespace but loopback, so the name cannot be taken. */
    private static final String TAP_NAME = "ringtap0";

    /** More than is ever under way. */
    private static final int TAP_QUEUE_PACKETS = 1024;

    private final Design design;
    private final NetworkNamespace namespace;
    private final SocketFile socket = new SocketFile();
    private int queuePairs;
    private KernelTap tap;
    private PacketSocket packets;
    private Emulator emulator;
    private Meter meter;

    private KernelBed(Design design, NetworkNamespace namespace) throws IOException {
        this.design = design;
        this.namespace = namespace;
    }

    /** @throws IOException if the host refuses something; there is nothing left of it then */
    static KernelBed create(
            Design design, NetDeviceConfig device, IoEngine engine, Traffic traffic, int measuredRuns, GuestRss rss)
            throws Exception {
        NetworkNamespace namespace = NetworkNamespace.create();
        KernelBed bed;
        try {
            bed = new KernelBed(design, namespace);
        } catch (IOException e) {
            namespace.close();
            throw e;
        }
        try {
            bed.queuePairs = device.maxQueuePairs();
            namespace.run(() -> bed.makeTap(device.supportedHashTypes()));
            // From here on they are the emulator's, even if it does not start.
            KernelTap made = bed.tap;
            bed.tap = null;
            bed.emulator = Emulator.start(
                    new EmulatorConfig(bed.socket.path(), made.port(), made.steering(), device, engine, 0));
            bed.meter = KernelMeter.of(design.choice(), made.steering(), traffic, measuredRuns, rss);
            return bed;
        } catch (Exception e) {
            bed.close();
            throw e;
        }
    }

    private void makeTap(int hashTypes) throws IOException {
        TapDevice device = TapDevice.open(TapDevice.Options.of(TAP_NAME, queuePairs));
        try {
            LinkConfig link = device.link();
            // What the kernel has to say by itself would stand in the way of the measurement.
            link.disableIpv6();
            link.setTxQueueLength(TAP_QUEUE_PACKETS);
            link.setUp(true);
            tap = KernelTap.with(device, design.choice());
            int missing = hashTypes & ~tap.steering().hashTypes();
            if (missing != 0) {
                throw new IOException("its TAP computes no hashes of the types %s: leave them out of --hash-types"
                        .formatted(HashType.names(missing)));
            }
            packets = PacketSocket.open(link.index());
        } catch (IOException e) {
            if (tap == null) {
                device.close();
            }
            throw e;
        }
    }

    @Override
    public Design design() {
        return design;
    }

    @Override
    public Path socket() {
        return socket.path();
    }

    @Override
    public int queuePairs() {
        return queuePairs;
    }

    @Override
    public void send(byte[] frame) throws IOException {
        if (packets.send(frame, frame.length) < 0) {
            throw new IOException("the TAP's queue takes no frame of " + frame.length + " bytes");
        }
    }

    @Override
    public Meter meter() {
        return meter;
    }

    @Override
    public void close() {
        if (meter != null) {
            meter.close();
        }
        if (emulator != null) {
            emulator.close();
        }
        if (tap != null) {
            tap.steering().close();
            tap.port().close();
        }
        if (packets != null) {
            packets.close();
        }
        namespace.close();
        socket.close();
    }
}
