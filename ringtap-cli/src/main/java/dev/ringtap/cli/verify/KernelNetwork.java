// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.HostNeed;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** A network namespace of its own with a TAP of the kernel's in it. */
final class KernelNetwork implements HostNetwork {
    /** The only interface of its namespace but loopback, so the name cannot be taken. */
    private static final String TAP_NAME = "ringtap0";

    /** What it needs of the process. */
    static final Set<HostNeed> NEEDS = EnumSet.allOf(HostNeed.class);

    private static final Path TRAFFIC_COUNTERS = Path.of("/proc/thread-self/net/dev");

    /** Of the fields behind the interface's name: 8 of received packets, then bytes, packets, errors, dropped. */
    private static final int SENT_DROPPED = 11;

    private final NetworkNamespace namespace;
    private TapDevice tap;
    private TapPort port;
    private SteeringDesign steering;
    private String steeringReason;
    private Topology topology;
    private int queueLengthBefore;

    private KernelNetwork(NetworkNamespace namespace) {
        this.namespace = namespace;
    }

    static KernelNetwork create(int queuePairs, HashSourceChoice hashSource) throws Exception {
        KernelNetwork network = new KernelNetwork(NetworkNamespace.create());
        try {
            network.namespace.run(() -> network.makeTap(queuePairs, hashSource));
            return network;
        } catch (Exception e) {
            network.close();
            throw e;
        }
    }

    private void makeTap(int queuePairs, HashSourceChoice hashSource) throws IOException {
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
        KernelTap steered = KernelTap.with(tap, hashSource);
        port = steered.port();
        steering = steered.steering();
        steeringReason = steered.reason();
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
    public String steeringReason() {
        return steeringReason;
    }

    @Override
    public Topology topology() {
        return topology;
    }

    @Override
    public HostSide open(List<Flow> flows) throws Exception {
        return KernelHostSide.open(namespace, tap.link().index(), flows);
    }

    @Override
    public LoadSender openSender() throws Exception {
        return new KernelSender(
                namespace.call(() -> PacketSocket.openWithHeader(tap.link().index())));
    }

    @Override
    public void shortenQueues(int packets) throws IOException {
        queueLengthBefore = tap.link().info().txQueueLength();
        tap.link().setTxQueueLength(packets);
    }

    @Override
    public void restoreQueues() throws IOException {
        tap.link().setTxQueueLength(queueLengthBefore);
    }

    @Override
    public long dropped() throws Exception {
        for (String line : namespace.call(() -> Files.readAllLines(TRAFFIC_COUNTERS))) {
            int colon = line.indexOf(':');
            if (colon > 0 && line.substring(0, colon).strip().equals(TAP_NAME)) {
                return Long.parseLong(line.substring(colon + 1).strip().split("\\s+")[SENT_DROPPED]);
            }
        }
        throw new IOException(TAP_NAME + " is not in " + TRAFFIC_COUNTERS);
    }

    @Override
    public void close() {
        if (steering != null) {
            steering.close();
        }
        if (tap != null) {
            tap.close();
        }
        namespace.close();
    }
}
