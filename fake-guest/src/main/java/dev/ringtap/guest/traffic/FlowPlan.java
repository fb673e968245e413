// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * The flows of a run, the same for the same arguments.
 *
 * @param flows by their id, kinds mixed
 * @param pattern what their packets carry
 */
public record FlowPlan(List<Flow> flows, PayloadPattern pattern) {
    /** So that every kind has one. */
    public static final int MIN_FLOWS = FlowKind.values().length;

    public static final int MAX_FLOWS = 1_000_000;

    /** Host ports of datagram flows: few, since every one is a socket. */
    private static final int UDP_SOURCE_PORTS = 16;

    /** Connections of one family: every one is two descriptors' worth of kernel memory for the whole run. */
    private static final int MAX_CONNECTIONS = 200;

    private static final byte[] HOME_PREFIX = {0x20, 0x01, 0x0d, (byte) 0xb8};

    public FlowPlan {
        flows = List.copyOf(flows);
    }

    /**
     * @param count {@link #MIN_FLOWS} to {@link #MAX_FLOWS}
     * @param run a number no other run on this host has, see {@link PayloadPattern}
     */
    public static FlowPlan create(Topology topology, int count, long seed, long run) {
        if (count < MIN_FLOWS || count > MAX_FLOWS) {
            throw new IllegalArgumentException(
                    "between " + MIN_FLOWS + " (one of every kind) and " + MAX_FLOWS + " flows, not " + count);
        }
        PayloadPattern pattern = new PayloadPattern(run);
        Maker maker = new Maker(topology, new Random(seed));
        List<FlowKind> kinds = kinds(count);
        Collections.shuffle(kinds, maker.random);
        List<Flow> flows = new ArrayList<>();
        for (FlowKind kind : kinds) {
            flows.add(new Flow(flows.size(), kind, maker.endpoints(kind), pattern));
        }
        return new FlowPlan(flows, pattern);
    }

    private static List<FlowKind> kinds(int count) {
        int weights = 0;
        for (FlowKind kind : FlowKind.values()) {
            weights += kind.weight();
        }
        List<FlowKind> kinds = new ArrayList<>(List.of(FlowKind.values()));
        // Every kind has its one; what is left goes by weight, and what rounding leaves to the plainest kind.
        long left = count - kinds.size();
        for (FlowKind kind : FlowKind.values()) {
            long share = left * kind.weight() / weights;
            if (kind.carrier() == FlowKind.Carrier.TCP_SOCKET) {
                share = Math.min(share, MAX_CONNECTIONS);
            }
            kinds.addAll(Collections.nCopies((int) share, kind));
        }
        kinds.addAll(Collections.nCopies(count - kinds.size(), FlowKind.UDP4));
        return kinds;
    }

    private static final class Maker {
        private final Topology topology;
        private final Random random;
        private final Set<String> taken = new HashSet<>();
        private final int udpSourceBase;

        Maker(Topology topology, Random random) {
            this.topology = topology;
            this.random = random;
            this.udpSourceBase = 10_000 + random.nextInt(4_000);
        }

        Flow.Endpoints endpoints(FlowKind kind) {
            while (true) {
                Flow.Endpoints made = candidate(kind);
                String name = AddressText.of(made.source()) + " " + made.sourcePort() + " "
                        + AddressText.of(made.destination()) + " " + made.destinationPort() + " " + kind.carrier();
                if (taken.add(name)) {
                    return made;
                }
            }
        }

        private Flow.Endpoints candidate(FlowKind kind) {
            boolean six = kind.name().contains("6");
            byte[] source = six ? pick(topology.host6()) : pick(topology.host4());
            byte[] destination = six ? pick(topology.guest6()) : pick(topology.guest4());
            int sourcePort = switch (kind.carrier()) {
                case UDP_SOCKET -> udpSourceBase + random.nextInt(UDP_SOURCE_PORTS);
                // Below the kernel's ephemeral range (32768 up), so that only these flows use it.
                case TCP_SOCKET -> 15_000 + random.nextInt(16_000);
                case ECHO, RAW -> 1 + random.nextInt(65_535);
            };
            if (kind.carrier() == FlowKind.Carrier.RAW) {
                // Nobody has to own these: any address of the net will do, and the address hashes get to spread.
                randomTail(source);
                randomTail(destination);
            }
            return new Flow.Endpoints(
                    topology.hostMac(),
                    topology.guestMac(),
                    source,
                    destination,
                    sourcePort,
                    1 + random.nextInt(65_535),
                    mobileAddress(),
                    mobileAddress());
        }

        private byte[] pick(List<byte[]> addresses) {
            return addresses.get(random.nextInt(addresses.size())).clone();
        }

        private void randomTail(byte[] address) {
            for (int i = address.length - (address.length == 4 ? 2 : 4); i < address.length; i++) {
                address[i] = (byte) random.nextInt(256);
            }
        }

        private byte[] mobileAddress() {
            byte[] address = new byte[16];
            random.nextBytes(address);
            System.arraycopy(HOME_PREFIX, 0, address, 0, HOME_PREFIX.length);
            return address;
        }
    }
}
