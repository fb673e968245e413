// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.linux.bpf.InBandPrefix;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.MemorySegment;

/** Reads a hash out of the prefix behind the TAP's header, as the datapath does for the hash source {@code ebpf}. */
final class PrefixReader implements HashSource {
    private static final long NONCE = 0x5EED_0F_7A9L;

    private int value;
    private int report;

    /** Puts such a prefix there. */
    void write(MemorySegment memory, long at, Answer answer) {
        InBandPrefix.write(memory, at + NetHeader.SIZE, NONCE, answer.hashValue(), answer.hashReport());
    }

    @Override
    public void hash(MemorySegment front, long frontOffset, MemorySegment frame, long offset, long lengthBytes) {
        long at = frontOffset + NetHeader.SIZE;
        if (InBandPrefix.nonce(front, at) != NONCE || InBandPrefix.type(front, at) != InBandPrefix.TYPE) {
            throw new IllegalStateException("there is no prefix at " + at);
        }
        value = InBandPrefix.hash(front, at);
        report = InBandPrefix.report(front, at);
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
        return true;
    }

    @Override
    public void prepare(HashRules next) {
        // What is read holds under any rules.
    }

    @Override
    public void commit() {
        // Likewise.
    }

    @Override
    public void queueEmpty() {
        // Likewise.
    }
}
