// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.util.concurrent.atomic.LongAdder;

/** The counters behind {@link DeviceCounters}, counted by any thread. */
final class DeviceStats {
    final LongAdder rxPackets = new LongAdder();
    final LongAdder rxBytes = new LongAdder();
    final LongAdder rxErrors = new LongAdder();
    final LongAdder rxDropped = new LongAdder();
    final LongAdder txPackets = new LongAdder();
    final LongAdder txBytes = new LongAdder();
    final LongAdder txDropped = new LongAdder();
    final LongAdder txDiscarded = new LongAdder();

    DeviceCounters read() {
        return new DeviceCounters(
                rxPackets.sum(),
                rxBytes.sum(),
                rxErrors.sum(),
                rxDropped.sum(),
                txPackets.sum(),
                txBytes.sum(),
                txDropped.sum(),
                txDiscarded.sum());
    }
}
