// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.host.EmulatedHost;
import dev.ringtap.cli.host.HostStack;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.SteeredEmulatedTap;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;

/** An emulated TAP with a {@link HostStack} behind it. */
final class EmulatedNetwork implements OwnNetwork {
    private final EmulatedTap tap;
    private final SteeringDesign steering;
    private final String steeringReason;
    private final Topology topology;
    private final HostStack stack;

    private EmulatedNetwork(SteeredEmulatedTap steered) {
        tap = steered.tap();
        steering = steered.steering();
        steeringReason = steered.reason();
        topology = Topology.of(tap.mac(), GUEST_MAC);
        List<InetAddress> addresses = addresses(topology.host4());
        addresses.addAll(addresses(topology.host6()));
        stack = EmulatedHost.behind(tap, addresses);
        addresses(topology.guest4()).forEach(guest -> stack.addNeighbour(guest, GUEST_MAC));
        addresses(topology.guest6()).forEach(guest -> stack.addNeighbour(guest, GUEST_MAC));
    }

    /**
     * Makes both.
     *
     * @param hashTypes what the TAP's ioctls know
     * @throws IOException if the steering design's program is refused
     */
    static EmulatedNetwork create(int queuePairs, HashSourceChoice hashSource, int hashTypes) throws IOException {
        EmulatedTap.Options options = EmulatedTap.Options.of("emulated0", queuePairs)
                .withQueueLength(TAP_QUEUE_PACKETS)
                .withHashTypes(hashTypes);
        return new EmulatedNetwork(SteeredEmulatedTap.with(options, hashSource));
    }

    private static List<InetAddress> addresses(List<byte[]> addresses) {
        List<InetAddress> made = new ArrayList<>();
        for (byte[] address : addresses) {
            try {
                made.add(InetAddress.getByAddress(address));
            } catch (UnknownHostException e) {
                throw new IllegalStateException("an address of " + address.length + " bytes", e);
            }
        }
        return made;
    }

    @Override
    public TapPort port() {
        return tap;
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
    public HostSide open(List<Flow> flows) {
        return new EmulatedHostSide(stack, flows);
    }

    @Override
    public LoadSender openSender() {
        return new EmulatedSender(tap.host());
    }

    /** The length of its queues is given when it is made; senders of this process overflow them all the same. */
    @Override
    public void shortenQueues(int packets) {
        // As said.
    }

    @Override
    public void restoreQueues() {
        // They were not changed.
    }

    @Override
    public long dropped() {
        return tap.host().counters().txDropped();
    }

    @Override
    public void close() {
        steering.close();
        tap.close();
    }
}
