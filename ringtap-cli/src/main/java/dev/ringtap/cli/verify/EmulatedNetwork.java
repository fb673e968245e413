// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.host.EmulatedHost;
import dev.ringtap.cli.host.HostStack;
import dev.ringtap.emulator.device.ProgramSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;

/** An emulated TAP with a {@link HostStack} behind it. */
final class EmulatedNetwork implements HostNetwork {
    private final EmulatedTap tap;
    private final SteeringDesign steering;
    private final Topology topology;
    private final HostStack stack;

    private EmulatedNetwork(EmulatedTap tap) {
        this.tap = tap;
        topology = Topology.of(tap.mac(), GUEST_MAC);
        List<InetAddress> addresses = addresses(topology.host4());
        addresses.addAll(addresses(topology.host6()));
        stack = EmulatedHost.behind(tap, addresses);
        addresses(topology.guest4()).forEach(guest -> stack.addNeighbour(guest, GUEST_MAC));
        addresses(topology.guest6()).forEach(guest -> stack.addNeighbour(guest, GUEST_MAC));
        steering = ProgramSteering.on(tap);
    }

    static EmulatedNetwork create(int queuePairs) {
        return new EmulatedNetwork(
                new EmulatedTap(EmulatedTap.Options.of("emulated0", queuePairs).withQueueLength(TAP_QUEUE_PACKETS)));
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
    public Topology topology() {
        return topology;
    }

    @Override
    public HostSide open(List<Flow> flows) {
        return new EmulatedHostSide(stack, flows);
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
