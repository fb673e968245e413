// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.emulator.EmulatorSnapshot;
import dev.ringtap.emulator.datapath.Counter;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Draws what the emulator is doing: one screen on a terminal, one line elsewhere. */
final class StatusScreen {
    private static final int BAR_CELLS = 24;
    private static final List<Counter> LOSSES = List.of(
            Counter.RX_FILTERED,
            Counter.RX_NO_BUFFERS,
            Counter.RX_TOO_LONG,
            Counter.RX_STALE,
            Counter.RX_ERRORS,
            Counter.TX_BAD_HEADER,
            Counter.TX_REFUSED);

    private EmulatorSnapshot before;
    private long beforeNs;

    /** The screen for this moment; rates are since the screen before. */
    String screen(EmulatorSnapshot now, long nowNs) {
        double seconds = before == null ? 0 : (nowNs - beforeNs) / 1e9;
        StringBuilder text = new StringBuilder();
        text.append(connection(now)).append(" | ").append(totals(now)).append('\n');
        text.append(now.device()).append('\n');
        text.append("queue    to guest    pkt/s      from guest    pkt/s   share of receive\n");
        long received = Math.max(1, now.total(Counter.RX_PACKETS));
        for (int q = 0; q < now.pairs().size(); q++) {
            Map<Counter, Long> pair = now.pairs().get(q);
            long rx = pair.get(Counter.RX_PACKETS);
            int cells = (int) Math.round((double) rx * BAR_CELLS / received);
            text.append(String.format(
                    Locale.ROOT,
                    "%5d %11d %8s %15d %8s   %s%n",
                    q,
                    rx,
                    rate(q, Counter.RX_PACKETS, rx, seconds),
                    pair.get(Counter.TX_PACKETS),
                    rate(q, Counter.TX_PACKETS, pair.get(Counter.TX_PACKETS), seconds),
                    "█".repeat(cells)));
        }
        text.append(losses(now)).append('\n');
        if (now.total(Counter.RX_UNPREFIXED) > 0) {
            text.append("without the hash that was due in band: %d%n".formatted(now.total(Counter.RX_UNPREFIXED)));
        }
        before = now;
        beforeNs = nowNs;
        return text.toString();
    }

    private String rate(int queue, Counter counter, long value, double seconds) {
        return seconds <= 0
                ? "-"
                : String.format(
                        Locale.ROOT, "%.0f", (value - before.pairs().get(queue).get(counter)) / seconds);
    }

    /** The state in one line. */
    static String line(EmulatorSnapshot now) {
        return connection(now) + " | " + now.device() + " | " + totals(now);
    }

    private static String connection(EmulatorSnapshot now) {
        return now.connected() ? "front-end connected (no. " + now.connections() + ")" : "waiting for a front-end";
    }

    private static String totals(EmulatorSnapshot now) {
        return "to guest %d, from guest %d packets"
                .formatted(now.total(Counter.RX_PACKETS), now.total(Counter.TX_PACKETS));
    }

    private static String losses(EmulatorSnapshot now) {
        StringBuilder text = new StringBuilder("not delivered:");
        for (Counter counter : LOSSES) {
            long count = now.total(counter);
            if (count > 0) {
                text.append(' ')
                        .append(counter.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                        .append(' ')
                        .append(count);
            }
        }
        return text.length() == "not delivered:".length() ? "not delivered: none" : text.toString();
    }
}
