// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import java.lang.foreign.MemorySegment;

/**
 * Says which hash a frame of one queue carries. One instance a queue pair, owner loop only; the answer of the last
 * {@link #hash} is read with {@link #value()} and {@link #report()}.
 */
public interface HashSource {

    /**
     * Finds the hash of the frame at {@code [offset, offset + lengthBytes)}, a frame of {@code lengthBytes} bytes or the
     * beginning of a longer one.
     *
     * @param front holds the TAP's header as it was read, at {@code frontOffset}
     */
    void hash(MemorySegment front, long frontOffset, MemorySegment frame, long offset, long lengthBytes);

    /** Hash value; 0 when {@link #report()} is 0. */
    int value();

    /** {@code VIRTIO_NET_HASH_REPORT_*}, 0 for none. */
    int report();

    /** True if the answer rests on a transport header, so that a longer look at the same frame would not change it. */
    boolean settled();

    /** A configuration is about to steer packets: from now on a packet may come from it or from the current one. */
    void prepare(HashRules next);

    /**
     * No packet is steered by the old configuration any more. It still explains packets that wait in the TAP, until
     * {@link #queueEmpty()}.
     */
    void commit();

    /** The TAP queue was seen empty. */
    void queueEmpty();
}
