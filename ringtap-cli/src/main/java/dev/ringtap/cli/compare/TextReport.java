// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.guest.check.HashTypes;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help.Ansi;

/** The comparison for people: who took part, what differs, what a packet costs. */
final class TextReport {
    private static final int BAR_CHARACTERS = 44;
    private static final int LINE_CHARACTERS = 110;
    private static final int DIFFERENCES_SHOWN = 20;

    private final PrintStream out;
    private final Ansi ansi;
    private final String tapBar;
    private final String deviceBar;

    /**
     * @param ansi whether verdicts may be coloured
     * @param terminal whether bars may be drawn with block characters; in a file they are plain ASCII
     */
    TextReport(PrintStream out, Ansi ansi, boolean terminal) {
        this.out = out;
        this.ansi = ansi;
        tapBar = terminal ? "█" : "#";
        deviceBar = terminal ? "░" : "-";
    }

    void print(Comparison comparison) {
        answers(comparison);
        costs(comparison);
        rates(comparison);
        notes(comparison);
        differences(comparison);
        summary(comparison);
    }

    private void answers(Comparison comparison) {
        out.println();
        out.println("The same packets under every design:");
        Design.Tap tap = null;
        String reason = null;
        for (Entry entry : comparison.entries()) {
            if (entry.design().tap() != tap) {
                tap = entry.design().tap();
                out.println("  " + tap.title());
            }
            String name = "    %-10s ".formatted(entry.design().source());
            if (!entry.ran()) {
                boolean told = entry.unavailable().equals(reason);
                reason = entry.unavailable();
                wrap(name + "not here: ", " ".repeat(name.length()), told ? "for the same reason" : reason);
                continue;
            }
            String verdict = entry.mismatches() == 0
                    ? ansi.string("@|green all right|@")
                    : ansi.string("@|bold,red %,d WRONG|@".formatted(entry.mismatches()));
            out.printf(
                    "%s%,9d packets, %s  %s%n",
                    name, entry.packets(), verdict, entry.design().does());
        }
    }

    private void costs(Comparison comparison) {
        List<Entry> measured =
                comparison.ran().stream().filter(entry -> entry.cost() != null).toList();
        if (measured.isEmpty()) {
            return;
        }
        double most = measured.stream()
                .mapToDouble(entry -> entry.cost().totalNs())
                .max()
                .orElse(1);
        out.println();
        out.printf(
                "Queue and hash of a packet, in ns: %s in the TAP, %s in ringtap%n",
                tapBar.repeat(2), deviceBar.repeat(2));
        out.printf("  %-12s %-10s %8s %9s %7s%n", "", "", "in TAP", "ringtap", "sum");
        for (Entry entry : measured) {
            Entry.Cost cost = entry.cost();
            int tap = characters(cost.tapNs(), most);
            int device = characters(cost.totalNs(), most) - tap;
            out.printf(
                    "  %-12s %-10s %8.0f %9.0f %7.0f  %s%n",
                    entry.design().tap().title(),
                    entry.design().source(),
                    cost.tapNs(),
                    cost.deviceNs(),
                    cost.totalNs(),
                    tapBar.repeat(tap) + deviceBar.repeat(device));
        }
    }

    private void rates(Comparison comparison) {
        List<Entry> ran = comparison.ran();
        if (ran.isEmpty()) {
            return;
        }
        double most = ran.stream().mapToDouble(Entry::packetsPerSecond).max().orElse(1);
        out.println();
        out.println("Host to guest, end to end, in thousands of packets a second:");
        for (Entry entry : ran) {
            out.printf(
                    "  %-12s %-10s %,8.0f  %s%n",
                    entry.design().tap().title(),
                    entry.design().source(),
                    entry.packetsPerSecond() / 1000,
                    tapBar.repeat(characters(entry.packetsPerSecond(), most)));
        }
    }

    private static int characters(double value, double most) {
        return (int) Math.round(value * BAR_CHARACTERS / Math.max(most, 1));
    }

    private void notes(Comparison comparison) {
        out.println();
        for (String sentence : comparison.measured()) {
            wrap("  ", "  ", sentence);
        }
    }

    private void differences(Comparison comparison) {
        if (comparison.differences().isEmpty()) {
            return;
        }
        out.println();
        out.println("What differs:");
        List<Difference> shown = comparison.differences();
        shown = shown.subList(0, Math.min(shown.size(), DIFFERENCES_SHOWN));
        shown.forEach(difference -> out.println("  " + difference));
        if (comparison.mismatches() > shown.size()) {
            out.printf("  and %,d more%n", comparison.mismatches() - shown.size());
        }
    }

    private void summary(Comparison comparison) {
        CompareSettings settings = comparison.settings();
        long packets = comparison.ran().stream().mapToLong(Entry::packets).sum();
        out.println();
        out.printf(
                "%,d flows over %d queue pairs, hash types: %s, %s engine, Linux %s, Java %s, seed %d%n",
                settings.flows(),
                settings.queuePairs(),
                HashTypes.describe(settings.hashTypes()),
                comparison.engine(),
                comparison.kernel(),
                comparison.java(),
                settings.seed());
        String verdict = comparison.mismatches() == 0
                ? ansi.string("@|bold,green same queue and hash everywhere|@")
                : ansi.string("@|bold,red %,d mismatches|@".formatted(comparison.mismatches()));
        out.printf(
                "%s, %d of %d designs, %,d packets, %.1f s%n",
                comparison.ran().isEmpty() ? "nothing could run" : verdict,
                comparison.ran().size(),
                comparison.entries().size(),
                packets,
                comparison.elapsedMs() / 1000.0);
    }

    private void wrap(String first, String rest, String text) {
        List<String> line = new ArrayList<>();
        int length = first.length();
        String prefix = first;
        for (String word : text.split(" ")) {
            if (!line.isEmpty() && length + word.length() > LINE_CHARACTERS) {
                out.println(prefix + String.join(" ", line));
                line.clear();
                prefix = rest;
                length = rest.length();
            }
            line.add(word);
            length += word.length() + 1;
        }
        out.println(prefix + String.join(" ", line));
    }
}
