// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.MemorySegment;

/** What every program that is measured has to answer: a benchmark of one that gives up early would be fast. */
public final class ExpectedQueue {
    private ExpectedQueue() {}

    /** The queue of a frame under {@link SampleRss}. */
    public static int of(SampleFrame frame) {
        var hasher = hash(frame);
        return hasher.report() == HashReport.NONE
                ? SampleRss.UNCLASSIFIED_QUEUE
                : hasher.value() & SampleRss.TABLE_ENTRIES - 1;
    }

    static PacketHasher hash(SampleFrame frame) {
        var hasher = new PacketHasher(new Toeplitz(SampleRss.key()), SampleRss.HASH_TYPES);
        byte[] bytes = frame.bytes();
        hasher.hash(MemorySegment.ofArray(bytes), 0, bytes.length);
        return hasher;
    }
}
