// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.Topology;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The packets that every design gets, the same for the same arguments, and what is right for each: the packets of all flows
 * in turn. No two are alike, so a packet that arrives is known by its bytes.
 */
final class Traffic {
    private static final int MAX_PROBES = 64;

    private final List<Flow> flows = new ArrayList<>();
    private final List<byte[]> frames = new ArrayList<>();
    private final List<Answer> expected = new ArrayList<>();
    /** Packet numbers by the hash of their bytes, open addressing; -1 where there is none. */
    private final int[] index;

    private Traffic(int packets) {
        index = new int[Integer.highestOneBit(packets) * 4];
        Arrays.fill(index, -1);
    }

    /** @param rss what steers them, by the checker's own reading of it */
    static Traffic create(Topology topology, int flows, int packets, long seed, GuestRss rss) {
        FlowPlan plan = FlowPlan.create(topology, flows, seed, seed);
        Traffic traffic = new Traffic(packets);
        for (int i = 0; i < packets; i++) {
            Flow flow = plan.flows().get(i % flows);
            byte[] frame = flow.readyFrame(i / flows);
            traffic.add(flow, frame, Expectation.of(frame, rss));
        }
        return traffic;
    }

    private void add(Flow flow, byte[] frame, Expectation.Answer answer) {
        int number = frames.size();
        if (numberOf(frame) >= 0) {
            throw new IllegalStateException("packet " + number + " of " + flow + " is like an earlier one");
        }
        int slot = slot(frame);
        while (index[slot] >= 0) {
            slot = slot + 1 & index.length - 1;
        }
        index[slot] = number;
        flows.add(flow);
        frames.add(frame);
        expected.add(new Answer(answer.queue(), answer.hashValue(), answer.hashReport()));
    }

    private int slot(byte[] frame) {
        int hash = Arrays.hashCode(frame);
        return (hash ^ hash >>> 16) & index.length - 1;
    }

    /** Number of the packet with these bytes, -1 if it is none of these. Any thread. */
    int numberOf(byte[] frame) {
        int slot = slot(frame);
        for (int probe = 0; probe < MAX_PROBES && index[slot] >= 0; probe++) {
            if (Arrays.equals(frames.get(index[slot]), frame)) {
                return index[slot];
            }
            slot = slot + 1 & index.length - 1;
        }
        return -1;
    }

    int packets() {
        return frames.size();
    }

    byte[] frame(int packet) {
        return frames.get(packet);
    }

    Answer expected(int packet) {
        return expected.get(packet);
    }

    /** Its flow for people. */
    String describe(int packet) {
        Flow flow = flows.get(packet);
        String addresses = flow.describe();
        return flow + (addresses.isEmpty() ? "" : ", " + addresses);
    }
}
