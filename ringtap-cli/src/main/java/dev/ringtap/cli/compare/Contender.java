// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.CommandException;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.control.ControlQueueClient;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/** One design at work: a TAP with it, an emulator, a guest; and what it has shown so far. One thread. */
final class Contender implements AutoCloseable {
    /** Packets under way: they fit a queue of the TAP, should all go to one. */
    private static final int WINDOW = 256;

    private static final long LOOK_AGAIN_NS = 20_000;
    private static final long PATIENCE_NS = 5_000_000_000L;
    private static final long COMMAND_PATIENCE_MS = 10_000;
    private static final int DIFFERENCES_KEPT = 100;
    /** A gain that a compiler makes, and chance seldom does. */
    private static final double NOTICEABLE = 0.1;

    private final Bed bed;
    private final Traffic traffic;
    private final Recorder recorder;
    private final FakeGuest guest;
    private final List<Difference> differences = new ArrayList<>();
    private final List<Double> tapNs = new ArrayList<>();
    private final List<Double> deviceNs = new ArrayList<>();
    private final List<Double> packetsPerSecond = new ArrayList<>();
    private double bestWarmUpNs = Double.MAX_VALUE;
    private long packets;
    private long mismatches;

    private Contender(Bed bed, Traffic traffic, Recorder recorder, FakeGuest guest) {
        this.bed = bed;
        this.traffic = traffic;
        this.recorder = recorder;
        this.guest = guest;
    }

    /**
     * Connects a guest and puts RSS in force.
     *
     * @param bed closed with this, or if this fails
     */
    static Contender start(Bed bed, Traffic traffic, GuestRss rss) throws Exception {
        Recorder recorder = new Recorder(traffic);
        FakeGuest guest = null;
        try {
            guest = FakeGuest.builder(bed.socket())
                    .queuePairs(bed.queuePairs())
                    .pipeline(pipeline -> pipeline.addLast(recorder))
                    .connect();
            Contender contender = new Contender(bed, traffic, recorder, guest);
            contender.configure(rss);
            return contender;
        } catch (Exception e) {
            if (guest != null) {
                guest.close();
            }
            bed.close();
            throw e;
        }
    }

    private void configure(GuestRss rss) throws Exception {
        int[] table = rss.table();
        int ack;
        try {
            ack = guest.control()
                    .setRss(rss.hashTypes(), table.length - 1, rss.unclassified(), table, bed.queuePairs(), rss.key())
                    .get(COMMAND_PATIENCE_MS, TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new CommandException(bed.design().title() + ": the device does not answer RSS_CONFIG", e);
        }
        if (ack != ControlQueueClient.OK) {
            throw new CommandException(bed.design().title() + ": the device refused RSS_CONFIG");
        }
    }

    Design design() {
        return bed.design();
    }

    /**
     * Sends all packets and judges each.
     *
     * @param counts whether its throughput is one of those the median is taken of
     */
    void pass(boolean counts) throws Exception {
        recorder.begin();
        long startNs = System.nanoTime();
        for (int packet = 0; packet < traffic.packets(); packet++) {
            if (!awaitArrived(packet + 1 - WINDOW)) {
                break;
            }
            bed.send(traffic.frame(packet));
        }
        awaitArrived(traffic.packets());
        long elapsedNs = System.nanoTime() - startNs;
        if (recorder.broken() != null) {
            throw new CommandException(
                    "%s: the guest stopped: %s"
                            .formatted(design().title(), recorder.broken().getMessage()),
                    recorder.broken());
        }
        judge();
        if (counts) {
            packetsPerSecond.add(traffic.packets() * 1e9 / elapsedNs);
        }
    }

    private boolean awaitArrived(int count) {
        int seen = recorder.arrived();
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (seen < count) {
            LockSupport.parkNanos(LOOK_AGAIN_NS);
            int now = recorder.arrived();
            if (now > seen) {
                seen = now;
                deadline = System.nanoTime() + PATIENCE_NS;
            } else if (System.nanoTime() > deadline || recorder.broken() != null) {
                return false;
            }
        }
        return true;
    }

    private void judge() {
        for (int packet = 0; packet < traffic.packets(); packet++) {
            packets++;
            Answer seen = recorder.answer(packet);
            if (!traffic.expected(packet).equals(seen)) {
                mismatches++;
                if (differences.size() < DIFFERENCES_KEPT) {
                    differences.add(
                            new Difference(design(), packet, traffic.describe(packet), traffic.expected(packet), seen));
                }
            }
        }
    }

    /**
     * Makes ready for {@link #measure}.
     *
     * @return whether it went much faster than ever before, so that it may do so again
     */
    boolean warmUp() throws IOException {
        if (bed.meter() == null) {
            return false;
        }
        double ns = bed.meter().warmUp();
        boolean faster = ns < bestWarmUpNs * (1 - NOTICEABLE);
        bestWarmUpNs = Math.min(bestWarmUpNs, ns);
        return faster;
    }

    /** Measures what a packet costs in the TAP and in ringtap, apart from everything else. */
    void measure() throws IOException {
        if (bed.meter() != null) {
            tapNs.add(bed.meter().tapNs());
            deviceNs.add(bed.meter().deviceNs());
        }
    }

    List<Difference> differences() {
        return differences;
    }

    Entry entry() {
        Entry.Cost cost = tapNs.isEmpty()
                ? null
                : new Entry.Cost(
                        Medians.of(tapNs), Medians.of(deviceNs), bed.meter().tapMeasured());
        return new Entry(
                design(),
                null,
                packets,
                mismatches,
                cost,
                packetsPerSecond.isEmpty() ? 0 : Medians.of(packetsPerSecond));
    }

    /** Any thread; what is under way on its own then fails. */
    @Override
    public void close() {
        guest.close();
        bed.close();
    }
}
