// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.EngineChoice;
import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.tun.TapDevice;
import io.netty.channel.ChannelHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * A network namespace of its own with a TAP in it, an emulator on the TAP, and the addresses of both sides. Nothing of
 * it outlives it, or the process.
 */
final class TestBed implements AutoCloseable {
    /** The only interface of its namespace but loopback, so the name cannot be taken. */
    private static final String TAP_NAME = "ringtap0";

    /** Far more than is ever under way, so that a dropped packet is not the traffic's fault. */
    private static final int TAP_QUEUE_PACKETS = 4096;

    private static final byte[] GUEST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x02};
    private static final Path TRAFFIC_COUNTERS = Path.of("/proc/thread-self/net/dev");

    /** Of the fields behind the interface's name: 8 of received packets, then bytes, packets, errors, dropped. */
    private static final int SENT_DROPPED = 11;

    private final NetworkNamespace namespace;
    private final Path directory;
    private TapDevice tap;
    private Emulator emulator;
    private FakeGuest guest;
    private Topology topology;
    private IoEngine engine;
    private String hashes;
    private boolean closed;

    private TestBed(NetworkNamespace namespace, Path directory) {
        this.namespace = namespace;
        this.directory = directory;
    }

    static TestBed create(int queuePairs, EngineChoice wanted, HashSourceChoice hashSource) throws Exception {
        IoEngine engine = wanted.resolve();
        TestBed bed = new TestBed(NetworkNamespace.create(), Files.createTempDirectory("ringtap-verify"));
        try {
            bed.engine = engine;
            bed.namespace.run(() -> bed.makeTap(queuePairs));
            bed.startEmulator(hashSource);
            return bed;
        } catch (Exception e) {
            bed.close();
            throw e;
        }
    }

    private void makeTap(int queuePairs) throws IOException {
        tap = TapDevice.open(TapDevice.Options.of(TAP_NAME, queuePairs));
        topology = Topology.of(tap.mac(), GUEST_MAC);
        LinkConfig link = tap.link();
        link.disableIpv6AutoConf();
        link.setTxQueueLength(TAP_QUEUE_PACKETS);
        link.setUp(true);
        for (byte[] address : topology.host4()) {
            link.addAddress(InetAddress.getByAddress(address), Topology.PREFIX4);
        }
        for (byte[] address : topology.host6()) {
            link.addAddress(InetAddress.getByAddress(address), Topology.PREFIX6);
        }
        for (List<byte[]> addresses : List.of(topology.guest4(), topology.guest6())) {
            for (byte[] address : addresses) {
                link.addNeighbour(InetAddress.getByAddress(address), GUEST_MAC);
            }
        }
    }

    private void startEmulator(HashSourceChoice hashSource) throws Exception {
        Path socket = directory.resolve("vhost-user.sock");
        KernelTap kernelTap = namespace.call(() -> KernelTap.with(tap, hashSource));
        hashes = kernelTap.steering().description() + " (" + kernelTap.reason() + ")";
        emulator = Emulator.start(EmulatorConfig.of(socket, kernelTap, GUEST_MAC, engine));
        if (emulator.steeringUnavailable() != null) {
            throw new CommandException("the steering program cannot be loaded: " + emulator.steeringUnavailable());
        }
    }

    /** Connects the guest, one queue pair in use. Called once. */
    FakeGuest connect(ChannelHandler handler) throws IOException, CommandException {
        guest = FakeGuest.builder(emulator.config().socket())
                .queuePairs(tap.queueCount())
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

    NetworkNamespace namespace() {
        return namespace;
    }

    TapDevice tap() {
        return tap;
    }

    Topology topology() {
        return topology;
    }

    String engine() {
        return engine.name().toLowerCase(Locale.ROOT);
    }

    /** What chose queues and made hashes, and why. */
    String hashes() {
        return hashes;
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
    long droppedByKernel() throws Exception {
        for (String line : namespace.call(() -> Files.readAllLines(TRAFFIC_COUNTERS))) {
            int colon = line.indexOf(':');
            if (colon > 0 && line.substring(0, colon).strip().equals(TAP_NAME)) {
                return Long.parseLong(line.substring(colon + 1).strip().split("\\s+")[SENT_DROPPED]);
            }
        }
        throw new IOException(TAP_NAME + " is not in " + TRAFFIC_COUNTERS);
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
        if (tap != null) {
            tap.close();
        }
        namespace.close();
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // An empty directory in the place for temporary files is nothing to fail for.
        }
    }
}
