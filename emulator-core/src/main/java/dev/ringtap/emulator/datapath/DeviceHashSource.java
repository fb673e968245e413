// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.PacketHasher;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The hash computed here, over the frame just read.
 *
 * <p>While the configuration changes, frames of both configurations wait in the TAP and nothing on them says which one
 * steered them. The queue they arrived on does: a frame is reported under the newest rules that explain its queue. So
 * queue and hash always belong together. Old rules are kept until the queue has been seen empty after the change.
 */
public final class DeviceHashSource implements HashSource {
    /** Under a load that never lets the queue run empty, the oldest of so many configurations is given up. */
    private static final int KEPT_RULES = 8;

    private record Epoch(HashRules rules, PacketHasher hasher) {
        static Epoch of(HashRules rules) {
            return new Epoch(
                    rules,
                    rules.key() == null || rules.enabledTypes() == 0
                            ? null
                            : new PacketHasher(rules.key(), rules.enabledTypes()));
        }
    }

    private final int queue;
    /** Newest first; more than one only during a change. */
    private final Epoch[] epochs = new Epoch[KEPT_RULES];

    private int kept;
    private boolean committed = true;
    private int value;
    private int report;

    /** @param queue index of the queue pair whose frames this sees */
    public DeviceHashSource(int queue) {
        this.queue = queue;
        epochs[0] = Epoch.of(HashRules.NONE);
        kept = 1;
    }

    @Override
    public void hash(MemorySegment front, long frontOffset, MemorySegment frame, long offset, long lengthBytes) {
        for (int i = 0; i < kept; i++) {
            run(epochs[i].hasher, frame, offset, lengthBytes);
            if (kept == 1 || epochs[i].rules.explains(queue, value, report)) {
                return;
            }
        }
        // Steered by nothing known: what the rules in force say is the answer that the driver expects.
        run(epochs[0].hasher, frame, offset, lengthBytes);
    }

    private void run(PacketHasher with, MemorySegment frame, long offset, long lengthBytes) {
        if (with == null) {
            value = 0;
            report = HashReport.NONE;
            return;
        }
        with.hash(frame, offset, lengthBytes);
        report = with.report();
        value = report == HashReport.NONE ? 0 : with.value();
    }

    @Override
    public int value() {
        return value;
    }

    @Override
    public int report() {
        return report;
    }

    @Override
    public boolean settled() {
        return HashReport.hasPorts(report);
    }

    @Override
    public void prepare(HashRules next) {
        kept = Math.min(kept + 1, KEPT_RULES);
        System.arraycopy(epochs, 0, epochs, 1, kept - 1);
        epochs[0] = Epoch.of(next);
        committed = false;
    }

    @Override
    public void commit() {
        committed = true;
    }

    @Override
    public void queueEmpty() {
        if (committed && kept > 1) {
            Arrays.fill(epochs, 1, kept, null);
            kept = 1;
        }
    }
}
