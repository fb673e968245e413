// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.FlowKind;
import java.util.EnumMap;
import java.util.Map;

/** Packets counted by whatever people ask about. Not thread-safe. */
final class Tally {
    private long packets;
    private long mismatches;
    private long partialChecksums;
    private long largeFrames;
    private final long[] queues;
    private final long[] reports = new long[HashTypes.REPORT_LAST + 1];
    private final Map<FlowKind, Long> kinds = new EnumMap<>(FlowKind.class);

    Tally(int queues) {
        this.queues = new long[queues];
    }

    /** @param kind null for a packet that belongs to no flow */
    void count(FlowKind kind, ReceivedPacket packet, boolean right) {
        int queue = packet.queue();
        int report = packet.hashReport();
        packets++;
        partialChecksums += packet.flags() & TransmitPacket.NEEDS_CSUM;
        largeFrames += packet.gsoType() == TransmitPacket.GSO_NONE ? 0 : 1;
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
        partialChecksums += other.partialChecksums;
        largeFrames += other.largeFrames;
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

    /** Packets whose checksum the kernel left to the guest. */
    long partialChecksums() {
        return partialChecksums;
    }

    /** Packets that the kernel left to the guest uncut. */
    long largeFrames() {
        return largeFrames;
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
