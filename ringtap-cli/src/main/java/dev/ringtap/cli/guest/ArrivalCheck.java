// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.guest;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * Looks at every packet that arrives: counts it by queue and reported hash type, and once the driver has set up RSS
 * compares queue and hash with the checker's. Passes packets on.
 */
final class ArrivalCheck extends ChannelInboundHandlerAdapter {
    private static final int MISTAKES_KEPT = 10;

    private final long[] perQueue;
    private final long[] perReport = new long[HashTypes.REPORT_LAST + 1];
    private final Deque<String> mistakes = new ArrayDeque<>();
    private GuestRss rss;
    private boolean reports;
    private long packets;
    private long mismatches;

    ArrivalCheck(int queuePairs) {
        perQueue = new long[queuePairs];
    }

    /**
     * What is in force from now on; packets that were steered before have to have arrived.
     *
     * @param reported whether the device writes hash reports
     */
    synchronized void inForce(GuestRss config, boolean reported) {
        rss = config;
        reports = reported;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (message instanceof ReceivedPacket packet) {
            look(packet);
        }
        context.fireChannelRead(message);
    }

    private synchronized void look(ReceivedPacket packet) {
        packets++;
        perQueue[packet.queue()]++;
        if (packet.hashReport() <= HashTypes.REPORT_LAST) {
            perReport[packet.hashReport()]++;
        }
        if (rss == null) {
            return;
        }
        Expectation.Answer expected = Expectation.of(packet.frame(), rss);
        boolean sameHash = packet.hashValue() == expected.hashValue() && packet.hashReport() == expected.hashReport();
        if (packet.queue() == expected.queue() && (sameHash || !reports)) {
            return;
        }
        mismatches++;
        if (mistakes.size() < MISTAKES_KEPT) {
            mistakes.add("a packet of %d bytes on queue %d with %s %08x, expected queue %d with %s %08x"
                    .formatted(
                            packet.frame().length,
                            packet.queue(),
                            HashTypes.name(packet.hashReport()),
                            packet.hashValue(),
                            expected.queue(),
                            HashTypes.name(expected.hashReport()),
                            expected.hashValue()));
        }
    }

    /** What arrived so far. */
    synchronized Counts counts() {
        return new Counts(packets, mismatches, perQueue.clone(), perReport.clone(), List.copyOf(mistakes));
    }

    /**
     * Counts at a moment.
     *
     * @param perQueue by receive queue
     * @param perReport by {@code hash_report}
     * @param mistakes the first mismatches, for people
     */
    record Counts(long packets, long mismatches, long[] perQueue, long[] perReport, List<String> mistakes) {
        @Override
        public String toString() {
            StringBuilder types = new StringBuilder();
            for (int report = 0; report < perReport.length; report++) {
                if (perReport[report] > 0) {
                    types.append(", ")
                            .append(HashTypes.name(report))
                            .append(' ')
                            .append(perReport[report]);
                }
            }
            return "%,d packets, %d mismatches; per queue %s%s"
                    .formatted(packets, mismatches, Arrays.toString(perQueue), types);
        }
    }
}
