// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.FlowKind;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Help.Ansi;

/** The outcome for people: a table, two drawings, a summary. */
final class TextReport {
    private static final int BAR_CHARACTERS = 48;

    /** Rows of failed flows beyond which a table helps nobody. */
    private static final int MAX_FAILED_ROWS = 100;

    private static final String ROW = "%6s  %-34s  %-54s  %-8s  %9s  %4s  %-8s  %s%n";

    private final PrintStream out;
    private final Ansi ansi;

    /** @param ansi whether verdicts may be coloured */
    TextReport(PrintStream out, Ansi ansi) {
        this.out = out;
        this.ansi = ansi;
    }

    /** @param all whether every flow gets a row, rather than one of each kind and those that failed */
    void print(Outcome outcome, boolean all) {
        table(outcome, all);
        spread(outcome);
        types(outcome);
        failures(outcome);
        summary(outcome);
    }

    private void table(Outcome outcome, boolean all) {
        List<FlowRow> chosen = all ? outcome.rows() : sample(outcome.rows());
        out.println();
        out.println(
                all
                        ? "Every flow, with one packet of it:"
                        : "One flow of every kind, with one packet of it, and every flow that failed:");
        out.printf(ROW, "flow", "kind", "from > to", "type", "expected", "seen", "hash", "verdict");
        for (FlowRow row : chosen) {
            out.print(format(row));
        }
        if (chosen.size() < outcome.rows().size()) {
            out.printf(
                    "%6s  %,d more flows: --all shows them%n",
                    "", outcome.rows().size() - chosen.size());
        }
    }

    private static List<FlowRow> sample(List<FlowRow> rows) {
        Set<FlowKind> seen = EnumSet.noneOf(FlowKind.class);
        List<FlowRow> firsts = new ArrayList<>();
        List<FlowRow> failed = new ArrayList<>();
        for (FlowRow row : rows) {
            if (seen.add(row.flow().kind())) {
                firsts.add(row);
            } else if (row.wrong() > 0 && failed.size() < MAX_FAILED_ROWS) {
                failed.add(row);
            }
        }
        firsts.sort((a, b) -> a.flow().kind().compareTo(b.flow().kind()));
        firsts.addAll(failed);
        return firsts;
    }

    private String format(FlowRow row) {
        boolean arrived = row.shown() != null;
        String type = "-";
        String expected = "-";
        String seen = "-";
        String hash = "-";
        if (arrived) {
            type = HashTypes.name(row.verdict().hashReport());
            expected = row.verdict().queue() == Setting.ANY_QUEUE
                    ? "any"
                    : "queue " + row.verdict().queue();
            seen = Integer.toString(row.shown().queue());
            hash = row.shown().hashReport() == HashTypes.REPORT_NONE
                    ? "none"
                    : "%08x".formatted(row.shown().hashValue());
        }
        String verdict = row.wrong() > 0
                ? ansi.string("@|bold,red WRONG|@ " + row.wrong() + " of " + row.packets())
                : ansi.string("@|green ok|@");
        return ROW.formatted(
                row.flow().id(), row.flow().kind().label(), row.flow().describe(), type, expected, seen, hash, verdict);
    }

    private void spread(Outcome outcome) {
        long[] queues = outcome.spread().queues();
        long most = 1;
        for (long packets : queues) {
            most = Math.max(most, packets);
        }
        out.println();
        out.println("Spread over the queues, in the phases whose random table covers all of them:");
        for (int queue = 0; queue < queues.length; queue++) {
            int length = (int) (queues[queue] * BAR_CHARACTERS / most);
            String bar = "█".repeat(length) + "·".repeat(BAR_CHARACTERS - length);
            out.printf("  queue %3d  %s %,8d%n", queue, bar, queues[queue]);
        }
    }

    private void types(Outcome outcome) {
        long[] reports = outcome.total().reports();
        out.println();
        out.println("Packets by reported hash type:");
        StringBuilder line = new StringBuilder(" ");
        for (int report = 0; report < reports.length; report++) {
            line.append(" %-8s %,7d".formatted(HashTypes.name(report), reports[report]));
            if (report % 5 == 4) {
                out.println(line);
                line = new StringBuilder(" ");
            }
        }
    }

    private void failures(Outcome outcome) {
        if (outcome.failures().isEmpty()) {
            return;
        }
        out.println();
        out.println("What went wrong:");
        for (Failure failure : outcome.failures()) {
            out.println("  " + failure);
        }
        if (outcome.mismatches() > outcome.failures().size()) {
            out.printf(
                    "  and %,d more%n",
                    outcome.mismatches() - outcome.failures().size());
        }
    }

    private void summary(Outcome outcome) {
        Outcome.Back back = outcome.back();
        out.println();
        out.printf(
                "Guest to host: %,d frames identical; %,d datagrams, %,d of them with the checksum left to the device; "
                        + "%,d bytes of TCP, %,d frames larger than a segment%n",
                back.frames(), back.datagrams(), back.partialChecksums(), back.streamBytes(), back.largeFrames());
        boolean kernel = outcome.setup().tap().kernel();
        out.printf(
                "Host to guest: %,d packets of %,d flows%s, over %d queue pairs, %s engine, Linux %s%n",
                outcome.total().packets() - outcome.unasked(),
                outcome.rows().size(),
                kernel ? " and %,d of the kernel's own".formatted(outcome.unasked()) : "",
                outcome.queuePairs(),
                outcome.setup().engine(),
                outcome.setup().kernel());
        out.printf(
                "Of these %,d arrived with the checksum left to the guest, %,d larger than a segment%n",
                outcome.total().partialChecksums(), outcome.total().largeFrames());
        if (outcome.dropped() > 0) {
            out.printf("The TAP's queues dropped %,d packets and said so; they are not counted.%n", outcome.dropped());
        }
        setup(outcome.setup());
        String verdict = outcome.passed()
                ? ansi.string("@|bold,green 0 mismatches|@")
                : ansi.string("@|bold,red %,d mismatches|@".formatted(outcome.mismatches()));
        out.printf(
                "%s, %,d packets, %.1f s, seed %d%n",
                verdict, outcome.total().packets(), outcome.elapsedMs() / 1000.0, outcome.seed());
    }

    private void setup(Outcome.Setup setup) {
        out.printf("TAP: %s; %s%n", setup.tap().kernel() ? "the kernel's" : "emulated", setup.steering());
        if (!setup.tap().kernel()) {
            out.println(
                    "Emulated are the TAP (queues, steering hook, segmentation, checksums) and the host behind it (UDP,"
                            + " TCP, echo). As ever are the eBPF object, vhost-user, virtqueues, device, guest and checker.");
        }
    }
}
