// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.util.List;
import java.util.Locale;

/**
 * The comparison as one SVG file that needs nothing else: two bar charts, cost and throughput. Its colours are told apart
 * in grey too, and follow the reader's choice of a light or a dark page.
 */
final class SvgChart {
    private static final int WIDTH = 960;
    private static final int LEFT = 24;
    private static final int BAR_LEFT = 190;
    private static final int BAR_RIGHT = 800;
    private static final int ROW = 30;
    private static final int BAR = 18;
    private static final int GROUP = 30;
    private static final int TICKS_WANTED = 5;
    private static final int REASON_CHARACTERS = 104;

    private static final String STYLE = """
            <style>
              svg { font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
              .page { fill: #ffffff; }
              text { fill: #1f2328; font-size: 13px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
              .title { font-size: 19px; font-weight: 600; }
              .panel { font-size: 15px; font-weight: 600; }
              .quiet { fill: #59636e; font-size: 12px; }
              .group { fill: #59636e; font-size: 12px; font-weight: 600; }
              .grid { stroke: #d1d9e0; stroke-width: 1; }
              .tap { fill: #2f6f9f; }
              .device { fill: #e0a458; }
              @media (prefers-color-scheme: dark) {
                .page { fill: #0d1117; }
                text { fill: #e6edf3; stroke: #0d1117; }
                .quiet, .group { fill: #9198a1; }
                .grid { stroke: #30363d; }
                .tap { fill: #58a0d0; }
                .device { fill: #d29b4c; }
              }
            </style>
            """;

    private final StringBuilder body = new StringBuilder();
    private int y = 36;

    private SvgChart() {}

    /** The file's text. */
    static String of(Comparison comparison) {
        SvgChart chart = new SvgChart();
        chart.draw(comparison);
        return """
                <?xml version="1.0" encoding="UTF-8"?>
                <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" role="img">
                <title>What queue and hash of a packet cost, by design</title>
                %3$s<rect class="page" width="%1$d" height="%2$d"/>
                %4$s</svg>
                """.formatted(WIDTH, chart.y, STYLE, chart.body);
    }

    private void draw(Comparison comparison) {
        CompareSettings settings = comparison.settings();
        text("title", LEFT, y, "Queue and hash of a packet, host to guest, by design");
        y += 22;
        text(
                "quiet",
                LEFT,
                y,
                "ringtap compare: %,d packets of %,d flows, %d queue pairs, median of %d passes; Linux %s, Java %s, seed %d"
                        .formatted(
                                settings.packets(),
                                settings.flows(),
                                settings.queuePairs(),
                                settings.passes(),
                                comparison.kernel(),
                                comparison.java(),
                                settings.seed()));
        y += 20;
        text(
                "quiet",
                LEFT,
                y,
                comparison.mismatches() == 0
                        ? "Every design gave every packet the queue and the hash that the checker expects."
                        : "%,d packets did not get the queue or hash that the checker expects."
                                .formatted(comparison.mismatches()));
        y += 40;
        cost(comparison.entries());
        y += 26;
        rate(comparison.entries());
        y += 8;
        for (String sentence : comparison.measured()) {
            for (String line : lines(sentence, 150)) {
                y += 17;
                text("quiet", LEFT, y, line);
            }
        }
        y += 24;
    }

    private void cost(List<Entry> entries) {
        text("panel", LEFT, y, "Cost, nanoseconds per packet");
        legend(BAR_LEFT + 150, "tap", "in the TAP");
        legend(BAR_LEFT + 270, "device", "in ringtap");
        double most = entries.stream()
                .filter(entry -> entry.cost() != null)
                .mapToDouble(entry -> entry.cost().totalNs())
                .max()
                .orElse(0);
        Axis axis = Axis.upTo(most);
        y += 14;
        int top = y;
        StringBuilder bars = new StringBuilder();
        rows(entries, bars, (entry, at) -> {
            if (entry.cost() == null) {
                return;
            }
            double tap = axis.width(entry.cost().tapNs());
            double device = axis.width(entry.cost().totalNs()) - tap;
            bar(bars, "tap", BAR_LEFT, at, tap);
            bar(bars, "device", BAR_LEFT + tap, at, device);
            label(
                    bars,
                    BAR_LEFT + tap + device,
                    at,
                    "%,.0f = %,.0f + %,.0f"
                            .formatted(
                                    entry.cost().totalNs(),
                                    entry.cost().tapNs(),
                                    entry.cost().deviceNs()));
        });
        grid(axis, top, "ns");
        body.append(bars);
    }

    private void rate(List<Entry> entries) {
        text("panel", LEFT, y, "End to end, thousands of packets per second");
        double most = entries.stream()
                .mapToDouble(entry -> entry.packetsPerSecond() / 1000)
                .max()
                .orElse(0);
        Axis axis = Axis.upTo(most);
        y += 14;
        int top = y;
        StringBuilder bars = new StringBuilder();
        List<Entry> ran = entries.stream().filter(Entry::ran).toList();
        rows(ran, bars, (entry, at) -> {
            double width = axis.width(entry.packetsPerSecond() / 1000);
            bar(bars, "tap", BAR_LEFT, at, width);
            label(bars, BAR_LEFT + width, at, "%,.0f".formatted(entry.packetsPerSecond() / 1000));
        });
        grid(axis, top, "k/s");
        body.append(bars);
    }

    private interface Bars {
        void draw(Entry entry, int y);
    }

    /** One row an entry, with a heading before each TAP's; a row without bars says why. Moves {@link #y} on. */
    private void rows(List<Entry> entries, StringBuilder into, Bars bars) {
        Design.Tap tap = null;
        for (Entry entry : entries) {
            if (entry.design().tap() != tap) {
                tap = entry.design().tap();
                y += GROUP;
                append(into, "group", LEFT, y - 8, tap.title());
            }
            append(into, "name", LEFT + 12, y + BAR - 4, entry.design().source());
            if (entry.ran()) {
                bars.draw(entry, y);
            } else {
                append(into, "quiet", BAR_LEFT + 6, y + BAR - 4, "not here: " + shortened(entry.unavailable()));
            }
            y += ROW;
        }
    }

    private static String shortened(String reason) {
        return reason.length() <= REASON_CHARACTERS ? reason : reason.substring(0, REASON_CHARACTERS - 1) + "…";
    }

    /** Lines and numbers below the rows just placed. */
    private void grid(Axis axis, int top, String unit) {
        for (double value = 0; value <= axis.end() + axis.step() / 2; value += axis.step()) {
            String x = number(BAR_LEFT + axis.width(value));
            body.append("<line class=\"grid\" x1=\"%s\" y1=\"%d\" x2=\"%s\" y2=\"%d\"/>\n"
                    .formatted(x, top + GROUP - 6, x, y - 4));
            body.append("<text class=\"quiet\" x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>\n"
                    .formatted(x, y + 12, "%,.0f".formatted(value) + (value == 0 ? "" : " " + unit)));
        }
        y += 26;
    }

    private void legend(int x, String kind, String name) {
        body.append("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"14\" height=\"12\" rx=\"2\"/>\n"
                .formatted(kind, x, y - 11));
        text("quiet", x + 20, y, name);
    }

    private void text(String kind, int x, int at, String content) {
        append(body, kind, x, at, content);
    }

    private static void append(StringBuilder into, String kind, int x, int at, String content) {
        into.append("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n".formatted(kind, x, at, escaped(content)));
    }

    private static void bar(StringBuilder into, String kind, double x, int at, double width) {
        into.append("<rect class=\"%s\" x=\"%s\" y=\"%d\" width=\"%s\" height=\"%d\"/>\n"
                .formatted(kind, number(x), at, number(width), BAR));
    }

    private static void label(StringBuilder into, double x, int at, String content) {
        into.append("<text x=\"%s\" y=\"%d\">%s</text>\n".formatted(number(x + 8), at + BAR - 4, escaped(content)));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    private static List<String> lines(String text, int characters) {
        return text.replaceAll("(.{1," + characters + "})( |$)", "$1\n").lines().toList();
    }

    private static String escaped(String text) {
        StringBuilder escaped = new StringBuilder();
        text.codePoints().forEach(c -> {
            switch (c) {
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '&' -> escaped.append("&amp;");
                case '"' -> escaped.append("&quot;");
                default -> escaped.appendCodePoint(c < ' ' ? ' ' : c);
            }
        });
        return escaped.toString();
    }

    /**
     * A scale from 0 in round steps.
     *
     * @param end value at the right end, a multiple of {@code step}
     */
    private record Axis(double end, double step) {
        static Axis upTo(double most) {
            double raw = Math.max(most, 1) / TICKS_WANTED;
            double power = Math.pow(10, Math.floor(Math.log10(raw)));
            double step = Math.max(1, power * (raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10));
            return new Axis(Math.ceil(Math.max(most, 1) / step) * step, step);
        }

        double width(double value) {
            return value / end * (BAR_RIGHT - BAR_LEFT);
        }
    }
}
