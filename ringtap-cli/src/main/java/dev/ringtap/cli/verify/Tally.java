// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.FlowKind;
import java.util.EnumMap;
import java.util.Map;

/** Packets counted by whatever people ask about. Not thread-safe. */
final class Tally {
    private long packets;
    private long mismatches;
    private final long[] queues;
    private final long[] reports = new long[HashTypes.REPORT_LAST + 1];
    private final Map<FlowKind, Long> kinds = new EnumMap<>(FlowKind.class);

    Tally(int queues) {
        this.queues = new long[queues];
    }

    /** @param kind null for a packet that belongs to no flow */
    void count(FlowKind kind, int queue, int report, boolean right) {
        packets++;
        if (!right) {
            mismatches++;
        }
        // Both come from the device, which is on trial.
        if (queue >= 0 && queue < queues.length) {
            queues[queue]++;
        }
        if (report >= 0 && report < reports.length) {
            reports[report]++;
        }
        if (kind != null) {
            kinds.merge(kind, 1L, Long::sum);
        }
    }

    /** A packet that failed without being received. */
    void countMissing() {
        mismatches++;
    }

    void add(Tally other) {
        packets += other.packets;
        mismatches += other.mismatches;
        for (int i = 0; i < queues.length; i++) {
            queues[i] += other.queues[i];
        }
        for (int i = 0; i < reports.length; i++) {
            reports[i] += other.reports[i];
        }
        other.kinds.forEach((kind, count) -> kinds.merge(kind, count, Long::sum));
    }

    long packets() {
        return packets;
    }

    long mismatches() {
        return mismatches;
    }

    long[] queues() {
        return queues.clone();
    }

    /** By {@code hash_report}, 0 is none. */
    long[] reports() {
        return reports.clone();
    }

    long ofKind(FlowKind kind) {
        return kinds.getOrDefault(kind, 0L);
    }
}
