// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.CommandException;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.ArrivalLedger;
import dev.ringtap.guest.traffic.ArrivalLedger.Arrival;
import dev.ringtap.guest.traffic.ArrivalLedger.What;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.TcpResponder;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.util.ArrayList;
import java.util.List;

/**
 * Sits at the end of the guest's pipeline, recognises every packet, compares it with what it should be, and answers
 * what the guest's TCP has to answer.
 *
 * <p>Packets come on the guest's event loop, everything else from the thread that sends; one lock guards it all.
 */
final class Judge extends SimpleChannelInboundHandler<ReceivedPacket> {
    private static final int MAX_FAILURES = 200;

    private final ArrivalLedger ledger;
    private final TcpResponder tcp;
    private final SettingHistory history;
    private final List<FlowRow> rows = new ArrayList<>();
    private final List<Failure> failures = new ArrayList<>();
    private final int queues;
    private final Tally total;
    private final Tally spread;
    private Tally phase;
    private String phaseName = "before the first phase";
    private boolean spreading;
    private long unasked;
    private long lost;
    private long mismatches;
    private long arrivals;
    /** Nobody waits for more than this. */
    private int wakeBelow;

    private Throwable broken;

    Judge(FlowPlan plan, TcpResponder tcp, int mtu, int queues, Setting first) {
        this.ledger = new ArrivalLedger(plan, tcp, mtu);
        this.tcp = tcp;
        this.history = new SettingHistory(first);
        this.queues = queues;
        total = new Tally(queues);
        spread = new Tally(queues);
        phase = new Tally(queues);
        for (Flow flow : plan.flows()) {
            rows.add(new FlowRow(flow));
        }
    }

    // ---- Packets, on the guest's event loop

    @Override
    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
        List<TransmitPacket> answers = new ArrayList<>();
        take(packet, answers);
        answers.forEach(answer -> context.write(answer));
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        context.flush();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        breakOff(cause);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        breakOff(new IllegalStateException("the connection to the device ended"));
    }

    private synchronized void breakOff(Throwable cause) {
        if (broken == null) {
            broken = cause;
        }
        notifyAll();
    }

    private synchronized void take(ReceivedPacket packet, List<TransmitPacket> answers) {
        Arrival arrival = ledger.arrived(packet, answers);
        arrivals++;
        int mark = arrival.mark() >= 0 ? (int) arrival.mark() : history.markOfUnknown(System.nanoTime());
        Setting.Verdict verdict = judge(packet, mark);
        boolean right = verdict.right() && arrival.what() != What.WRONG;
        Flow flow = arrival.flow();
        phase.count(flow == null ? null : flow.kind(), packet, right);
        if (arrival.what() == What.UNASKED) {
            unasked++;
        }
        if (flow != null) {
            rows.get(flow.id()).count(packet, verdict, spreading);
        }
        if (!verdict.right()) {
            fail(flow, arrival.sequence(), difference(packet, verdict));
        } else if (arrival.what() == What.WRONG) {
            if (flow != null) {
                rows.get(flow.id()).countBroken();
            }
            fail(flow, arrival.sequence(), arrival.problem());
        }
        if (ledger.outstanding() < wakeBelow) {
            notifyAll();
        }
    }

    private Setting.Verdict judge(ReceivedPacket packet, int mark) {
        Setting.Verdict first = null;
        for (Setting setting : history.since(mark)) {
            Setting.Verdict verdict = setting.judge(packet);
            if (verdict.right()) {
                return verdict;
            }
            first = first == null ? verdict : first;
        }
        return first;
    }

    private String difference(ReceivedPacket packet, Setting.Verdict due) {
        List<String> parts = new ArrayList<>();
        if (due.queue() == Setting.ANY_QUEUE) {
            if (packet.queue() >= history.newest().queues()) {
                parts.add("queue " + packet.queue() + ", in use are "
                        + history.newest().queues());
            }
        } else if (packet.queue() != due.queue()) {
            parts.add("queue " + packet.queue() + ", expected " + due.queue());
        }
        if (packet.hashValue() != due.hashValue() || packet.hashReport() != due.hashReport()) {
            parts.add("hash %08x %s, expected %08x %s"
                    .formatted(
                            packet.hashValue(),
                            HashTypes.name(packet.hashReport()),
                            due.hashValue(),
                            HashTypes.name(due.hashReport())));
        }
        return String.join("; ", parts);
    }

    private void fail(Flow flow, int sequence, String problem) {
        mismatches++;
        if (failures.size() < MAX_FAILURES) {
            failures.add(
                    flow == null
                            ? new Failure(phaseName, -1, "not ours", -1, "", problem)
                            : new Failure(
                                    phaseName, flow.id(), flow.kind().label(), sequence, flow.describe(), problem));
        }
    }

    /**
     * Counts a packet that somebody else has compared.
     *
     * @param packet null for one that never arrived
     * @param problem null if it was right
     */
    synchronized void counted(ReceivedPacket packet, String problem) {
        if (packet == null) {
            phase.countMissing();
        } else {
            phase.count(null, packet, problem == null);
        }
        if (problem != null) {
            fail(null, -1, problem);
        }
    }

    // ---- What the sender says

    /** Enters a frame as sent under the setting in force, and returns it. */
    synchronized byte[] frame(Flow flow, int sequence) {
        return ledger.frame(flow, sequence, history.mark());
    }

    /** The same for a datagram or an echo; returns its payload. */
    synchronized byte[] datagram(Flow flow, int sequence) {
        return ledger.datagram(flow, sequence, history.mark());
    }

    /** The same for bytes of a stream; returns them. */
    synchronized byte[] stream(Flow flow, int sequence, int bytes) {
        return ledger.stream(flow, sequence, bytes, history.mark());
    }

    /** To be called before a setting goes to the device. */
    synchronized void sent(Setting setting) {
        history.sent(setting);
    }

    /** To be called when the device has acknowledged it. */
    synchronized void acknowledged() {
        history.acknowledged(System.nanoTime());
    }

    /** What the guest's TCP sends as the next bytes of its own stream. */
    synchronized TransmitPacket returnStream(Flow flow, int bytes) {
        return tcp.send(flow, bytes);
    }

    synchronized int unacknowledged(Flow flow) {
        return tcp.unacknowledged(flow);
    }

    synchronized boolean closed(Flow flow) {
        return tcp.closed(flow);
    }

    synchronized String tcpFault(Flow flow) {
        return tcp.fault(flow);
    }

    /** A failure on the host's side. */
    synchronized void failed(Flow flow, int sequence, String problem) {
        if (flow != null) {
            rows.get(flow.id()).countBroken();
        }
        phase.countMissing();
        fail(flow, sequence, problem);
    }

    /**
     * Waits until less than {@code limit} packets are under way.
     *
     * @param patienceMs how long to wait without anything arriving
     * @return whether it came to that
     * @throws InterruptedException if interrupted
     */
    synchronized boolean awaitUnderWayBelow(int limit, long patienceMs) throws InterruptedException {
        wakeBelow = limit;
        long seen = arrivals;
        long deadline = System.nanoTime() + patienceMs * 1_000_000;
        while (ledger.outstanding() >= limit && broken == null) {
            long leftMs = (deadline - System.nanoTime()) / 1_000_000;
            if (leftMs > 0) {
                wait(leftMs);
            } else if (arrivals == seen) {
                return false;
            } else {
                seen = arrivals;
                deadline = System.nanoTime() + patienceMs * 1_000_000;
            }
        }
        return broken == null;
    }

    /** Packets under way. */
    synchronized int underWay() {
        return ledger.outstanding();
    }

    /** Gives up what is still under way. What the kernel says it dropped is no failure. Returns how many there were. */
    synchronized long giveUp(long droppedByKernel) {
        List<ArrivalLedger.Outstanding> missing = ledger.missing();
        long excused = Math.min(missing.size(), droppedByKernel);
        for (ArrivalLedger.Outstanding packet : missing.subList((int) excused, missing.size())) {
            lost++;
            rows.get(packet.flow().id()).countBroken();
            phase.countMissing();
            fail(packet.flow(), packet.sequence(), "never arrived");
        }
        ledger.forgetMissing();
        return missing.size();
    }

    synchronized void beginPhase(String name, boolean spreads) {
        phaseName = name;
        phase = new Tally(queues);
        spreading = spreads;
    }

    /** Ends it, and returns its counts. */
    synchronized Tally endPhase() {
        Tally ended = phase;
        total.add(ended);
        if (spreading) {
            spread.add(ended);
        }
        phase = new Tally(queues);
        phaseName = "after " + phaseName;
        spreading = false;
        return ended;
    }

    // ---- Results

    /** @throws CommandException if the guest has ended */
    synchronized void requireGuest() throws CommandException {
        if (broken != null) {
            throw new CommandException("the guest stopped: " + broken.getMessage(), broken);
        }
    }

    synchronized long packets() {
        return total.packets() + phase.packets();
    }

    synchronized long mismatches() {
        return mismatches;
    }

    synchronized long lost() {
        return lost;
    }

    synchronized long unasked() {
        return unasked;
    }

    synchronized List<FlowRow> rows() {
        return List.copyOf(rows);
    }

    synchronized List<Failure> failures() {
        return List.copyOf(failures);
    }

    synchronized Tally total() {
        return total;
    }

    synchronized Tally spread() {
        return spread;
    }
}
