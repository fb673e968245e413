// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.GuestRss;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;

/**
 * Load: two senders at once, as fast as they can, into TAP queues so short that they overflow. What arrives has to be
 * right all the same: the queue, the hash, the frame, and its place in its flow. What the TAP dropped and counted is
 * no failure.
 */
final class LoadPhase {
    /**
     * What came of it.
     *
     * @param sent that the host took
     * @param arrived and were compared
     * @param lost neither arrived nor counted by whoever dropped them
     */
    record Result(long sent, long arrived, long lost) {}

    /** How many packets were dropped so far, by all who count that. */
    @FunctionalInterface
    interface Drops {
        long counted() throws Exception;
    }

    private static final int SENDERS = 2;
    private static final int FLOWS_PER_SENDER = 48;
    /** Short enough to overflow whenever a loop has other things to do. */
    private static final int QUEUE_PACKETS = 48;

    private static final long POLL_MS = 20;
    private static final long PATIENCE_MS = 10_000;
    private static final long QUIET_MS = 300;

    private final HostNetwork network;
    private final FakeGuest guest;
    private final Judge judge;
    private final List<LoadFlow> flows = new ArrayList<>();
    private final long mark = RandomGenerator.getDefault().nextLong();
    private final AtomicLong arrived = new AtomicLong();
    private volatile boolean stop;

    /** @param rss in force during the load */
    LoadPhase(HostNetwork network, FakeGuest guest, Judge judge, GuestRss rss) {
        this.network = network;
        this.guest = guest;
        this.judge = judge;
        boolean uso = GuestFeature.GUEST_USO4.in(guest.ackedFeatures());
        for (int id = 0; id < SENDERS * FLOWS_PER_SENDER; id++) {
            flows.add(new LoadFlow(id, mark, network.topology(), rss, uso));
        }
    }

    /**
     * Sends until {@code packets} have arrived.
     *
     * @throws CommandException if nothing arrives any more, or the guest ended
     */
    Result run(long packets, Drops drops) throws Exception {
        Check check = new Check();
        long droppedBefore = drops.counted();
        List<FutureTask<Long>> senders = new ArrayList<>();
        Exception failure = null;
        try {
            network.shortenQueues(QUEUE_PACKETS);
            guest.channel().pipeline().addFirst(check);
            for (int i = 0; i < SENDERS; i++) {
                senders.add(startSender(i));
            }
            awaitArrived(packets, senders);
        } catch (Exception e) {
            failure = e;
        }
        failure = undo(failure, () -> endSenders(senders));
        failure = undo(failure, network::restoreQueues);
        failure = undo(failure, () -> remove(check));
        if (failure != null) {
            throw failure;
        }
        long sent = 0;
        for (FutureTask<Long> sender : senders) {
            sent += sender.get();
        }
        long missing = sent - arrived.get();
        long lost = Math.max(0, missing - (drops.counted() - droppedBefore));
        if (lost > 0) {
            judge.counted(null, "%,d packets of the load never arrived, and nobody counted a drop".formatted(lost));
        }
        return new Result(sent, arrived.get(), lost);
    }

    @FunctionalInterface
    private interface Step {
        void run() throws Exception;
    }

    /** Takes a step whatever went wrong before it; that comes first, and what goes wrong in it second. */
    private static Exception undo(Exception failure, Step step) {
        try {
            step.run();
        } catch (Exception e) {
            if (failure == null) {
                return e;
            }
            failure.addSuppressed(e);
        }
        return failure;
    }

    private void endSenders(List<FutureTask<Long>> senders) throws InterruptedException {
        stop = true;
        for (FutureTask<Long> sender : senders) {
            awaitEnd(sender);
        }
        awaitQuiet();
    }

    private void remove(Check check) {
        try {
            guest.channel().pipeline().remove(check);
        } catch (NoSuchElementException e) {
            // The guest has gone, and Netty has emptied its pipeline.
        }
    }

    private FutureTask<Long> startSender(int number) throws Exception {
        LoadSender host = network.openSender();
        List<LoadFlow> own = flows.subList(number * FLOWS_PER_SENDER, (number + 1) * FLOWS_PER_SENDER);
        Callable<Long> work = () -> {
            try (host) {
                return send(host, own);
            }
        };
        FutureTask<Long> task = new FutureTask<>(work);
        Thread.ofPlatform().name("load-sender-" + number).daemon().start(task);
        return task;
    }

    private long send(LoadSender host, List<LoadFlow> own) throws IOException {
        long sent = 0;
        while (!stop) {
            for (LoadFlow flow : own) {
                if (flow.sendNext(host)) {
                    sent++;
                }
            }
        }
        return sent;
    }

    private void awaitArrived(long packets, List<FutureTask<Long>> senders) throws Exception {
        long seen = 0;
        long quietMs = 0;
        while (arrived.get() < packets) {
            Thread.sleep(POLL_MS);
            judge.requireGuest();
            for (FutureTask<Long> sender : senders) {
                if (sender.isDone()) {
                    sender.get();
                }
            }
            quietMs = arrived.get() == seen ? quietMs + POLL_MS : 0;
            seen = arrived.get();
            if (quietMs >= PATIENCE_MS) {
                throw new CommandException("after %,d packets of the load nothing arrives any more".formatted(seen));
            }
        }
    }

    private static void awaitEnd(FutureTask<Long> sender) throws InterruptedException {
        while (!sender.isDone()) {
            Thread.sleep(1);
        }
    }

    private void awaitQuiet() throws InterruptedException {
        long seen = -1;
        while (seen != arrived.get()) {
            seen = arrived.get();
            Thread.sleep(QUIET_MS);
        }
    }

    /** Takes the frames of the load; all others are the judge's. */
    private final class Check extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            if (message instanceof ReceivedPacket packet) {
                int id = LoadFlow.idOf(packet.frame(), mark);
                if (id >= 0 && id < flows.size()) {
                    String problem = flows.get(id).problem(packet);
                    judge.counted(packet, problem == null ? null : flows.get(id) + ": " + problem);
                    arrived.incrementAndGet();
                    return;
                }
            }
            context.fireChannelRead(message);
        }
    }
}
