// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The hash that the TAP wrote into its 20-byte header when it steered the frame. Queue and hash come from one run, however
 * long the frame has waited, so a change of configuration needs no care for a frame that has a report.
 *
 * <p>A frame without one was unclassified, or was steered while the TAP had nothing to report: under automatic steering,
 * where most designs do not hash, or before a driver asked. The hash is computed here then, if the rules that may have
 * steered the frame ask for one.
 */
public final class HeaderHashSource implements HashSource {
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DeviceHashSource device;
    /** Whether the TAP hashes every frame that it steers now, so that no report means no hash. */
    private boolean allReported;

    private boolean committed = true;
    private boolean changing;
    private boolean fromDevice;
    private int value;
    private int report;

    /** @param queue index of the queue pair whose frames this sees */
    public HeaderHashSource(int queue) {
        device = new DeviceHashSource(queue);
    }

    @Override
    public void hash(MemorySegment front, long frontOffset, MemorySegment frame, long offset, long lengthBytes) {
        report = Short.toUnsignedInt(front.get(LE16, frontOffset + NetHeader.HASH_REPORT));
        value = report == HashReport.NONE ? 0 : front.get(LE32, frontOffset + NetHeader.HASH_VALUE);
        fromDevice = report == HashReport.NONE && (changing || !allReported);
        if (fromDevice) {
            device.hash(front, frontOffset, frame, offset, lengthBytes);
            report = device.report();
            value = device.value();
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
        return !fromDevice || device.settled();
    }

    @Override
    public void prepare(HashRules next) {
        device.prepare(next);
        allReported = next.steering() != null;
        changing = true;
        committed = false;
    }

    @Override
    public void commit() {
        device.commit();
        committed = true;
    }

    @Override
    public void queueEmpty() {
        device.queueEmpty();
        if (committed) {
            changing = false;
        }
    }
}
