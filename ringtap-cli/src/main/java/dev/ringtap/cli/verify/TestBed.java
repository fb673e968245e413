// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import io.netty.channel.ChannelHandler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A host network, an emulator on its TAP, and a guest. Nothing of it outlives it, or the process. */
final class TestBed implements AutoCloseable {
    private static final int RSS_TABLE_ENTRIES = 128;

    private final HostNetwork network;
    private final Path directory;
    private Emulator emulator;
    private FakeGuest guest;
    private boolean closed;

    private TestBed(HostNetwork network, Path directory) {
        this.network = network;
        this.directory = directory;
    }

    /** @param network closed with the bed, and if there is none */
    static TestBed on(HostNetwork network, IoEngine engine) throws IOException, CommandException {
        TestBed bed;
        try {
            bed = new TestBed(network, Files.createTempDirectory("ringtap-verify"));
        } catch (IOException e) {
            network.close();
            throw e;
        }
        try {
            bed.startEmulator(engine);
            return bed;
        } catch (IOException | CommandException | RuntimeException e) {
            bed.close();
            throw e;
        }
    }

    private void startEmulator(IoEngine engine) throws IOException, CommandException {
        if (network.steering().rssUnavailable() != null) {
            throw new CommandException(
                    "RSS cannot be verified: " + network.steering().rssUnavailable());
        }
        NetDeviceConfig device = new NetDeviceConfig(
                HostNetwork.GUEST_MAC,
                network.port().queueCount(),
                network.port().mtu(),
                RSS_TABLE_ENTRIES,
                HashType.ALL,
                NetDeviceConfig.SPEED_UNKNOWN);
        Path socket = directory.resolve("vhost-user.sock");
        emulator = Emulator.start(new EmulatorConfig(socket, network.port(), network.steering(), device, engine, 0));
    }

    /** Connects the guest, one queue pair in use. Called once. */
    FakeGuest connect(ChannelHandler handler) throws IOException, CommandException {
        guest = FakeGuest.builder(emulator.config().socket())
                .queuePairs(network.port().queueCount())
                .activateQueuePairs(false)
                .pipeline(pipeline -> pipeline.addLast(handler))
                .connect();
        long needed = GuestFeature.of(GuestFeature.RSS, GuestFeature.HASH_REPORT, GuestFeature.MRG_RXBUF);
        if ((guest.ackedFeatures() & needed) != needed) {
            throw new CommandException("the device offers no "
                    + GuestFeature.describe(needed & ~guest.ackedFeatures()) + ", only "
                    + GuestFeature.describe(guest.offeredFeatures()));
        }
        return guest;
    }

    /** Opens the host's end of these flows. The guest must be connected. */
    HostSide openHost(List<Flow> flows) throws Exception {
        return network.open(flows);
    }

    Topology topology() {
        return network.topology();
    }

    /** MTU of the TAP. */
    int mtu() throws IOException {
        return network.port().mtu();
    }

    HostNetwork network() {
        return network;
    }

    /** What chooses queues and makes hashes, and why, for people. */
    String steering() {
        return network.steering().description() + " (" + network.steeringReason() + ")";
    }

    /** Packets to the guest that outgrew the buffers set aside, while it had no more. */
    long droppedByDevice() {
        return emulator.snapshot().total(Counter.RX_NO_BUFFERS);
    }

    /** Packets to the guest that arrived without the hash that should have been in band. */
    long unprefixed() {
        return emulator.snapshot().total(Counter.RX_UNPREFIXED);
    }

    /** Packets to the guest that the TAP dropped so far. */
    long dropped() throws Exception {
        return network.dropped();
    }

    /** Any thread. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (guest != null) {
            guest.close();
        }
        if (emulator != null) {
            emulator.close();
        }
        network.close();
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // An empty directory in the place for temporary files is nothing to fail for.
        }
    }
}
