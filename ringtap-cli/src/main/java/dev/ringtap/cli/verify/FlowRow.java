// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.traffic.Flow;

/** What became of one flow: its counts, and one packet of it to show. Not thread-safe. */
final class FlowRow {
    private final Flow flow;
    private long packets;
    private long wrong;
    private ReceivedPacket shown;
    private Setting.Verdict verdict;

    FlowRow(Flow flow) {
        this.flow = flow;
    }

    /** The first wrong packet is shown, else the last one of the phases that are to be shown. */
    void count(ReceivedPacket packet, Setting.Verdict judged, boolean show) {
        packets++;
        if (!judged.right()) {
            wrong++;
        }
        if (verdict == null || verdict.right() && (show || !judged.right())) {
            // Only its header is shown: a row must not keep 64 KiB alive.
            shown = new ReceivedPacket(
                    packet.queue(), new byte[0], 0, 0, 0, 0, 0, 0, 1, packet.hashValue(), packet.hashReport(), 0);
            verdict = judged;
        }
    }

    /** A packet that did not arrive, or not as it was sent. */
    void countBroken() {
        wrong++;
    }

    Flow flow() {
        return flow;
    }

    long packets() {
        return packets;
    }

    long wrong() {
        return wrong;
    }

    /** Null if nothing arrived. */
    ReceivedPacket shown() {
        return shown;
    }

    /** On the packet shown. */
    Setting.Verdict verdict() {
        return verdict;
    }
}
