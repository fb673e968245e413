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
    private final String steering;
    private final int queuePairs;
    /** Made for the socket, or null if that is somebody else's. */
    private final Path directory;

    private Path socket;
    /** Null if it is somebody else's. */
    private Emulator emulator;

    private FakeGuest guest;
    private boolean closed;

    private TestBed(HostNetwork network, String steering, int queuePairs, Path directory) {
        this.network = network;
        this.steering = steering;
        this.queuePairs = queuePairs;
        this.directory = directory;
    }

    /**
     * With an emulator of its own.
     *
     * @param network closed with the bed, and if there is none
     */
    static TestBed on(OwnNetwork network, IoEngine engine) throws IOException, CommandException {
        TestBed bed;
        try {
            String steering = network.steering().description() + " (" + network.steeringReason() + ")";
            Path directory = Files.createTempDirectory("ringtap-verify");
            bed = new TestBed(network, steering, network.port().queueCount(), directory);
        } catch (IOException e) {
            network.close();
            throw e;
        }
        try {
            bed.startEmulator(network, engine);
            return bed;
        } catch (IOException | CommandException | RuntimeException e) {
            bed.close();
            throw e;
        }
    }

    /**
     * With an emulator that is there already, in whatever process.
     *
     * @param network the network behind its TAP; closed with the bed
     */
    static TestBed attached(HostNetwork network, Path socket, int queuePairs) {
        TestBed bed = new TestBed(network, "by the back-end at " + socket, queuePairs, null);
        bed.socket = socket;
        return bed;
    }

    private void startEmulator(OwnNetwork own, IoEngine engine) throws IOException, CommandException {
        if (own.steering().rssUnavailable() != null) {
            throw new CommandException(
                    "RSS cannot be verified: " + own.steering().rssUnavailable());
        }
        NetDeviceConfig device = new NetDeviceConfig(
                OwnNetwork.GUEST_MAC,
                queuePairs,
                own.mtu(),
                RSS_TABLE_ENTRIES,
                own.steering().hashTypes(),
                NetDeviceConfig.SPEED_UNKNOWN);
        socket = directory.resolve("vhost-user.sock");
        emulator = Emulator.start(new EmulatorConfig(socket, own.port(), own.steering(), device, engine, 0));
    }

    /** Connects the guest, one queue pair in use. Called once. */
    FakeGuest connect(ChannelHandler handler) throws IOException, CommandException {
        guest = FakeGuest.builder(socket)
                .queuePairs(queuePairs)
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
        return network.mtu();
    }

    HostNetwork network() {
        return network;
    }

    /** What chooses queues and makes hashes, and why, for people. */
    String steering() {
        return steering;
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
        if (directory == null) {
            return;
        }
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // An empty directory in the place for temporary files is nothing to fail for.
        }
    }
}
