// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.HostNeed;
import dev.ringtap.cli.Opened;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.ReturnTraffic;
import dev.ringtap.guest.traffic.TcpResponder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;

/**
 * One run: makes everything, drives traffic through a series of configurations, and lets the {@link Judge} compare
 * every packet.
 */
final class VerifyRun {
    /** The key of Microsoft's verification suite, which every RSS driver knows. */
    static final byte[] MICROSOFT_KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    /** Packets under way at a time. With four fragments each they still fit a queue of the TAP several times. */
    private static final int WINDOW = 192;

    /** How long nothing may arrive before what is under way counts as lost. TCP repeats itself well within. */
    private static final long PATIENCE_MS = 6_000;

    private static final long COMMAND_PATIENCE_MS = 10_000;
    private static final int RECONFIGURATIONS = 48;

    /** Every so many packets of a TCP flow one is large enough to leave the host uncut. */
    private static final int LARGE_EVERY = 4;

    private static final int LARGE_BYTES = 20_000;
    private static final int SHORT_KEY_BYTES = 20;
    private static final int MAX_SEQUENCE = 0xFFFF;

    private final VerifySettings settings;
    private final Progress progress;
    private final int tapHashTypes;
    private final Random random;
    private final List<Outcome.Phase> phases = new ArrayList<>();
    private final AtomicInteger transmitQueues = new AtomicInteger(1);
    private TapChoice.Chosen tap;
    private TestBed bed;
    private FlowPlan plan;
    private Judge judge;
    private FakeGuest guest;
    private HostSide host;
    private int[] sequences;
    private long droppedBefore;
    private long dropped;
    private Outcome.Back back = new Outcome.Back(0, 0, 0, 0, 0);
    /** Those that the device offers. */
    private int hashTypes;

    private boolean hashConfigured;
    private String currentPhase = "";

    VerifyRun(VerifySettings settings, Progress progress) {
        this(settings, progress, HashTypes.ALL);
    }

    /** @param tapHashTypes what the ioctls of an emulated TAP know */
    VerifyRun(VerifySettings settings, Progress progress, int tapHashTypes) {
        this.settings = settings;
        this.progress = progress;
        this.tapHashTypes = tapHashTypes;
        this.random = new Random(settings.seed());
    }

    /**
     * Runs.
     *
     * @throws CommandException if something else than a packet is wrong
     * @throws IOException if the host refuses something
     */
    Outcome run() throws Exception {
        long startNs = System.nanoTime();
        IoEngine engine = settings.engine().resolve();
        Outcome.Setup setup;
        try (Opened opened = Opened.untilSignal("ringtap-clean-up", () -> {})) {
            try {
                bed = opened.open(() -> makeBed(engine));
                setup = new Outcome.Setup(
                        tap,
                        bed.steering(),
                        settings.attachment() == null ? engine.name().toLowerCase(Locale.ROOT) : "unknown",
                        System.getProperty("os.version"));
                prepare();
                drive();
            } catch (Exception e) {
                // What breaks when everything is closed under its hands is not worth a word.
                throw opened.stopping() ? new CommandException("stopped by a signal", e) : e;
            } finally {
                if (host != null) {
                    host.close();
                }
            }
            judge.endPhase();
        }
        long elapsedMs = (System.nanoTime() - startNs) / 1_000_000;
        progress.erase();
        return new Outcome(
                settings.seed(),
                setup,
                settings.queuePairs(),
                judge.rows(),
                judge.total(),
                judge.spread(),
                List.copyOf(phases),
                back,
                judge.unasked(),
                judge.lost(),
                dropped,
                judge.failures(),
                judge.mismatches(),
                elapsedMs);
    }

    /** Joins a back-end that is there. Its device says which address the hosts have to know the guest by. */
    private TestBed attach(Attachment attachment) throws Exception {
        tap = new TapChoice.Chosen(TapChoice.kernel, "--socket");
        byte[] guestMac;
        try (FakeGuest first = FakeGuest.builder(attachment.socket()).connect()) {
            guestMac = first.mac();
        }
        AttachedNetwork network = AttachedNetwork.at(attachment.namespace(), attachment.interfaceName(), guestMac);
        return TestBed.attached(network, attachment.socket(), settings.queuePairs());
    }

    private TestBed makeBed(IoEngine engine) throws Exception {
        if (settings.attachment() != null) {
            return attach(settings.attachment());
        }
        tap = settings.tap().resolve("verify", KernelNetwork.NEEDS, settings.hashSource());
        if (tap.kernel()) {
            // Asked for by name, or by a hash source that only this TAP has.
            boolean insisted =
                    settings.tap() == TapChoice.kernel || !settings.hashSource().onEmulatedTap();
            if (insisted) {
                String missing = HostNeed.missing("verify", KernelNetwork.NEEDS);
                if (missing != null) {
                    throw new CommandException(missing + "; or let it run on --tap emulated, which needs none of it");
                }
            }
            try {
                return TestBed.on(KernelNetwork.create(settings.queuePairs(), settings.hashSource()), engine);
            } catch (IOException | CommandException e) {
                // A container may hold every capability and still be refused a call.
                if (insisted) {
                    throw e;
                }
                tap = new TapChoice.Chosen(TapChoice.emulated, e.getMessage());
            }
        }
        progress.line("emulated TAP: " + tap.reason());
        return TestBed.on(EmulatedNetwork.create(settings.queuePairs(), settings.hashSource(), tapHashTypes), engine);
    }

    private void prepare() throws Exception {
        int mtu = bed.mtu();
        long runNumber = RandomGenerator.getDefault().nextLong();
        plan = FlowPlan.create(bed.topology(), settings.flows(), settings.seed(), runNumber);
        sequences = new int[plan.flows().size()];
        TcpResponder tcp = new TcpResponder(plan.flows(), bed.topology(), this::transmitQueue);
        Setting first = Setting.automatic("as after a reset", 1, 0, MICROSOFT_KEY);
        judge = new Judge(plan, tcp, mtu, settings.queuePairs(), first);
        guest = bed.connect(judge);
        hashTypes = guest.supportedHashTypes() & HashTypes.ALL;
        if (hashTypes != HashTypes.ALL) {
            progress.line("hash types of the device: " + HashTypes.describe(hashTypes));
        }
        host = bed.openHost(plan.flows());
        droppedBefore = bed.dropped();
    }

    private int transmitQueue(Flow flow) {
        return flow.id() % transmitQueues.get();
    }

    // ---- The series

    private void drive() throws Exception {
        int all = settings.queuePairs();
        int tableLength = Integer.highestOneBit(Math.max(1, guest.rssMaxTableLength()));

        phase("one queue pair, nothing configured", false, () -> {
            host.connect();
            sendEach(1);
        });
        if (all > 1) {
            // With one pair there is no MQ to negotiate, and no such command.
            phase("automatic steering, no hash types", false, () -> {
                setQueuePairs(all);
                sendEach(1);
            });
        }
        phase("automatic steering, all hash types", false, () -> {
            setHash(all, MICROSOFT_KEY);
            sendEach(1);
        });

        GuestRss first = new GuestRss(hashTypes, table(tableLength, all), random.nextInt(all), MICROSOFT_KEY);
        phase("RSS, Microsoft's key", true, () -> {
            steer(first);
            sendEach(3);
        });
        GuestRss rss = first.withKey(key(40));
        phase("RSS, new key", true, () -> {
            steer(rss);
            sendEach(2);
        });
        phase("RSS, new table", true, () -> {
            steer(rss.withTable(table(tableLength, all)));
            sendEach(1);
        });
        phase("RSS, short table", false, () -> {
            steer(rss.withTable(table(Math.min(8, tableLength), all)));
            sendEach(1);
        });
        phase("RSS, table of one entry", false, () -> {
            steer(rss.withTable(random.nextInt(all)));
            sendEach(1);
        });
        phase("RSS, key of " + SHORT_KEY_BYTES + " bytes", false, () -> {
            steer(rss.withKey(key(SHORT_KEY_BYTES)));
            sendEach(1);
        });
        for (int left = hashTypes; left != 0; left &= left - 1) {
            int type = Integer.lowestOneBit(left);
            int without = hashTypes & ~type;
            phase("RSS without " + HashTypes.describe(type), false, () -> {
                steer(rss.withHashTypes(without));
                sendEach(1);
            });
        }
        int exTypes = hashTypes & (HashTypes.IP_EX | HashTypes.TCP_EX | HashTypes.UDP_EX);
        if (exTypes != 0) {
            phase("RSS without *_EX types", false, () -> {
                steer(rss.withHashTypes(hashTypes & ~exTypes));
                sendEach(1);
            });
        }
        phase("RSS, addresses only", false, () -> {
            steer(rss.withHashTypes(hashTypes & (HashTypes.IPV4 | HashTypes.IPV6)));
            sendEach(1);
        });
        phase("RSS without hash types", false, () -> {
            steer(rss.withHashTypes(0));
            sendEach(1);
        });
        phase("RSS, other unclassified queue", false, () -> {
            steer(rss.withUnclassified((rss.unclassified() + 1) % all));
            sendEach(1);
        });
        if (all > 1) {
            queueCounts(rss, all);
        }
        phase("reconfiguration during traffic", false, () -> reconfigureDuringTraffic(rss, tableLength, all));
        phase("RSS, afterwards", true, () -> {
            steer(rss);
            sendEach(1);
        });
        if (settings.loadPackets() > 0) {
            phase("load: two senders, queues overflow", false, () -> load(rss));
        }
        phase("guest to host", false, () -> {
            GuestToHost direction = new GuestToHost(bed.topology(), plan, guest, host, judge, transmitQueues.get());
            back = direction.run(sequences);
        });
        phase("connections close", false, this::closeConnections);
    }

    private void queueCounts(GuestRss rss, int all) throws Exception {
        int fewer = all / 2;
        phase("RSS on fewer queues: " + fewer, false, () -> {
            steer(rss.withTable(table(rss.table().length, fewer)).withUnclassified(fewer - 1));
            sendEach(1);
        });
        phase("fewer queue pairs: " + fewer, false, () -> {
            setQueuePairs(fewer);
            setHash(fewer, rss.key());
            sendEach(1);
        });
        phase("one queue pair", false, () -> {
            setQueuePairs(1);
            setHash(1, rss.key());
            sendEach(1);
        });
        phase("RSS on all queues again: " + all, true, () -> {
            setQueuePairs(all);
            steer(rss);
            sendEach(1);
        });
    }

    /** A packet sent meanwhile has to be wholly right by the old or wholly right by the new setting. */
    private void reconfigureDuringTraffic(GuestRss rss, int tableLength, int all) throws Exception {
        List<Flow> flows = plan.flows();
        int next = 0;
        int chunk = Math.max(16, flows.size() / 32);
        for (int i = 0; i < RECONFIGURATIONS; i++) {
            GuestRss wanted = switch (i % 4) {
                case 0 -> rss.withKey(key(40));
                case 1 -> rss.withKey(key(40)).withTable(table(tableLength, all));
                case 2 ->
                    rss.withHashTypes(hashTypes & random.nextInt(HashTypes.ALL + 1))
                            .withKey(key(40));
                default -> rss.withUnclassified(random.nextInt(all)).withTable(table(tableLength, all));
            };
            for (int packet = 0; packet < chunk; packet++) {
                send(flows.get(next++ % flows.size()));
            }
            CompletableFuture<Integer> ack = sendRss(wanted);
            for (int packet = 0; packet < chunk; packet++) {
                send(flows.get(next++ % flows.size()));
            }
            finish(ack, "RSS_CONFIG");
        }
    }

    private void load(GuestRss rss) throws Exception {
        progress.update(currentPhase, judge.packets(), judge.mismatches());
        GuestRss checked = rss.withKey(checkerKey(rss.key()));
        LoadPhase load = new LoadPhase(bed.network(), guest, judge, checked);
        long droppedByDevice = bed.droppedByDevice();
        LoadPhase.Result result = load.run(settings.loadPackets(), () -> bed.dropped() + bed.droppedByDevice());
        long newlyDropped = bed.dropped() - droppedBefore;
        String line = "  sent %,d, arrived %,d, dropped by full queues %,d, for want of the guest's buffers %,d;"
                + " %,d came without the hash that was due in band";
        progress.line(line.formatted(
                result.sent(),
                result.arrived(),
                newlyDropped,
                bed.droppedByDevice() - droppedByDevice,
                bed.unprefixed()));
        droppedBefore += newlyDropped;
        dropped += newlyDropped;
    }

    private void closeConnections() throws Exception {
        List<Flow> open = new ArrayList<>();
        for (Flow flow : plan.flows()) {
            if (flow.kind().carrier() == FlowKind.Carrier.TCP_SOCKET) {
                host.shutdownOutput(flow);
                open.add(flow);
            }
        }
        long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000;
        while (!open.isEmpty() && System.nanoTime() < deadline) {
            open.removeIf(judge::closed);
            Thread.sleep(1);
        }
        for (Flow flow : open) {
            String fault = judge.tcpFault(flow);
            judge.failed(flow, -1, fault == null ? "the connection did not close" : fault);
        }
    }

    // ---- Commands

    private void setQueuePairs(int pairs) throws Exception {
        // The driver may not use a queue beyond the count once the command is out. VIRTIO 1.3, 5.1.6.5.6
        // Automatic receive steering in multiqueue mode.
        transmitQueues.set(Math.min(transmitQueues.get(), pairs));
        Setting setting = Setting.automatic(pairs + " queue pairs", pairs, reportedBefore(), MICROSOFT_KEY);
        judge.sent(setting);
        finish(guest.control().setQueuePairs(pairs), "VQ_PAIRS_SET");
        transmitQueues.set(pairs);
    }

    /** Before any hash is configured there is none; afterwards VQ_PAIRS_SET leaves open what becomes of it. */
    private int reportedBefore() {
        return hashConfigured ? Setting.UNDEFINED : 0;
    }

    private void setHash(int queues, byte[] key) throws Exception {
        hashConfigured = true;
        judge.sent(Setting.automatic("hash report", queues, hashTypes, checkerKey(key)));
        finish(guest.control().setHash(hashTypes, key), "HASH_CONFIG");
    }

    private void steer(GuestRss rss) throws Exception {
        finish(sendRss(rss), "RSS_CONFIG");
    }

    private CompletableFuture<Integer> sendRss(GuestRss rss) {
        hashConfigured = true;
        int all = settings.queuePairs();
        judge.sent(Setting.steered("RSS", all, rss.withKey(checkerKey(rss.key()))));
        int[] table = rss.table();
        return guest.control().setRss(rss.hashTypes(), table.length - 1, rss.unclassified(), table, all, rss.key());
    }

    private void finish(CompletableFuture<Integer> command, String name) throws Exception {
        int ack;
        try {
            ack = command.get(COMMAND_PATIENCE_MS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new CommandException("the device does not answer the command " + name, e);
        } catch (ExecutionException e) {
            throw new CommandException(
                    "the command " + name + " failed: " + e.getCause().getMessage(), e);
        }
        if (ack != ControlQueueClient.OK) {
            throw new CommandException("the device refused the command " + name + " (ack " + ack + ")");
        }
        judge.acknowledged();
    }

    private byte[] checkerKey(byte[] key) {
        byte[] checked = Arrays.copyOf(key, key.length);
        if (settings.breakKey()) {
            for (int i = 0; i < checked.length; i++) {
                checked[i] ^= 0x55;
            }
        }
        return checked;
    }

    private byte[] key(int bytes) {
        byte[] key = new byte[bytes];
        random.nextBytes(key);
        return key;
    }

    private int[] table(int length, int queues) {
        return random.ints(length, 0, queues).toArray();
    }

    // ---- Traffic

    private void sendEach(int packets) throws Exception {
        for (int round = 0; round < packets; round++) {
            for (Flow flow : plan.flows()) {
                send(flow);
            }
        }
    }

    private void send(Flow flow) throws Exception {
        // Half of it is let through before more is sent: to wake up for every packet costs more than to send it.
        if (judge.underWay() >= WINDOW && !judge.awaitUnderWayBelow(WINDOW / 2, PATIENCE_MS)) {
            giveUp();
        }
        int sequence = sequences[flow.id()]++ & MAX_SEQUENCE;
        switch (flow.kind().carrier()) {
            case RAW -> host.sendFrame(judge.frame(flow, sequence));
            case UDP_SOCKET -> host.sendDatagram(flow, judge.datagram(flow, sequence));
            case TCP_SOCKET -> host.write(flow, judge.stream(flow, sequence, streamBytes(flow, sequence)));
            case ECHO -> {
                judge.datagram(flow, sequence);
                guest.channel()
                        .writeAndFlush(ReturnTraffic.echoRequest(bed.topology(), flow, sequence, transmitQueue(flow)));
            }
        }
        progress.update(currentPhase, judge.packets(), judge.mismatches());
    }

    private static int streamBytes(Flow flow, int sequence) {
        return (flow.id() + sequence) % LARGE_EVERY == 0 ? LARGE_BYTES : 16 + (flow.id() * 37 + sequence * 113) % 3000;
    }

    private void giveUp() throws Exception {
        judge.requireGuest();
        long newlyDropped = bed.dropped() - droppedBefore;
        droppedBefore += newlyDropped;
        dropped += newlyDropped;
        judge.giveUp(newlyDropped);
    }

    @FunctionalInterface
    private interface Work {
        void run() throws Exception;
    }

    private void phase(String name, boolean spreads, Work work) throws Exception {
        long startNs = System.nanoTime();
        currentPhase = name;
        judge.beginPhase(name, spreads);
        work.run();
        if (!judge.awaitUnderWayBelow(1, PATIENCE_MS)) {
            giveUp();
        }
        Tally tally = judge.endPhase();
        long elapsedMs = (System.nanoTime() - startNs) / 1_000_000;
        phases.add(new Outcome.Phase(name, tally.packets(), tally.mismatches(), elapsedMs));
        progress.line("%-42s %,8d packets %,6d mismatches %,7d ms"
                .formatted(name, tally.packets(), tally.mismatches(), elapsedMs));
    }
}
