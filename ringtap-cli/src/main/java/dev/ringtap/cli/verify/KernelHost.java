// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.net.PacketSocket;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The kernel as the host behind an interface of its own, in some network namespace: its sockets, addresses, counters. */
abstract class KernelHost implements HostNetwork {
    private static final Path TRAFFIC_COUNTERS = Path.of("/proc/thread-self/net/dev");

    /** Of the fields behind the interface's name: 8 of received packets, then bytes, packets, errors, dropped. */
    private static final int SENT_DROPPED = 11;

    private final NetworkNamespace namespace;
    private LinkConfig link;
    private Topology topology;
    private int queueLengthBefore;
    private boolean shortened;

    /** @param namespace closed by the subclass */
    KernelHost(NetworkNamespace namespace) {
        this.namespace = namespace;
    }

    /** Says which interface it is, once. In the namespace. */
    final void attach(LinkConfig interfaceOfGuest, byte[] guestMac) throws IOException {
        link = interfaceOfGuest;
        topology = Topology.of(link.mac(), guestMac);
    }

    /** Gives the interface the hosts' addresses, and the hosts the guest's. In the namespace. */
    final void addAddresses() throws IOException {
        for (byte[] address : topology.host4()) {
            link.addAddress(InetAddress.getByAddress(address), Topology.PREFIX4);
        }
        for (byte[] address : topology.host6()) {
            link.addAddress(InetAddress.getByAddress(address), Topology.PREFIX6);
        }
        for (byte[] address : guestAddresses()) {
            link.addNeighbour(InetAddress.getByAddress(address), topology.guestMac());
        }
    }

    @FunctionalInterface
    interface Change {
        void make() throws IOException;
    }

    /** Takes back what {@link #addAddresses} did, as far as it came: changes to be made one by one, in this order. */
    final List<Change> removals() {
        List<Change> removals = new ArrayList<>();
        for (byte[] address : guestAddresses()) {
            removals.add(() -> link.removeNeighbour(InetAddress.getByAddress(address)));
        }
        for (byte[] address : topology.host6()) {
            removals.add(() -> link.removeAddress(InetAddress.getByAddress(address), Topology.PREFIX6));
        }
        // The first of a network takes those after it along.
        for (byte[] address : topology.host4().reversed()) {
            removals.add(() -> link.removeAddress(InetAddress.getByAddress(address), Topology.PREFIX4));
        }
        return removals;
    }

    private List<byte[]> guestAddresses() {
        return Stream.concat(topology.guest4().stream(), topology.guest6().stream())
                .toList();
    }

    final NetworkNamespace namespace() {
        return namespace;
    }

    @Override
    public final Topology topology() {
        return topology;
    }

    @Override
    public final HostSide open(List<Flow> flows) throws Exception {
        return KernelHostSide.open(namespace, link.index(), flows);
    }

    @Override
    public final LoadSender openSender() throws Exception {
        return new KernelSender(namespace.call(() -> PacketSocket.openWithHeader(link.index())));
    }

    @Override
    public final synchronized void shortenQueues(int packets) throws IOException {
        queueLengthBefore = link.info().txQueueLength();
        shortened = true;
        link.setTxQueueLength(packets);
    }

    @Override
    public final synchronized void restoreQueues() throws IOException {
        if (shortened) {
            shortened = false;
            link.setTxQueueLength(queueLengthBefore);
        }
    }

    /** Whoever has shortened the queues does not restore them after this. */
    final synchronized void forgetQueues() {
        shortened = false;
    }

    @Override
    public final long dropped() throws Exception {
        for (String line : namespace.call(() -> Files.readAllLines(TRAFFIC_COUNTERS))) {
            int colon = line.indexOf(':');
            if (colon > 0 && line.substring(0, colon).strip().equals(link.name())) {
                return Long.parseLong(line.substring(colon + 1).strip().split("\\s+")[SENT_DROPPED]);
            }
        }
        throw new IOException(link.name() + " is not in " + TRAFFIC_COUNTERS);
    }
}
