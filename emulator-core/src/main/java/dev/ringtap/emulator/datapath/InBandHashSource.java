// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import java.lang.foreign.MemorySegment;

/**
 * The hash that the kernel's program put in front of the frame. Queue and hash come from one run, however long the frame
 * has waited, so a change of configuration needs no care. A frame that came without is hashed here.
 */
public final class InBandHashSource implements HashSource {
    private final long nonce;
    private final DeviceHashSource device;
    private boolean prefixed;
    private int value;
    private int report;

    /**
     * @param queue index of the queue pair whose frames this sees
     * @param nonce of the prefixes that are ours
     */
    public InBandHashSource(int queue, long nonce) {
        this.nonce = nonce;
        device = new DeviceHashSource(queue);
    }

    long nonce() {
        return nonce;
    }

    /** Tells of the packet that is hashed next: it came with this hash. */
    void arrivedWith(int hash, int hashReport) {
        prefixed = true;
        value = hash;
        report = hashReport;
    }

    /** Tells of the packet that is hashed next: it came without. */
    void arrivedWithout() {
        prefixed = false;
    }

    /** Whether the packets that are steered now have a hash, so that one should come with each. */
    boolean hashes() {
        return device.hashes();
    }

    @Override
    public void hash(MemorySegment front, long frontOffset, MemorySegment frame, long offset, long lengthBytes) {
        if (!prefixed) {
            device.hash(front, frontOffset, frame, offset, lengthBytes);
            value = device.value();
            report = device.report();
        }
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
        return prefixed || device.settled();
    }

    @Override
    public void prepare(HashRules next) {
        device.prepare(next);
    }

    @Override
    public void commit() {
        device.commit();
    }

    @Override
    public void queueEmpty() {
        device.queueEmpty();
    }
}
