// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.device.NetDevice;
import java.util.List;
import java.util.Map;

/**
 * The emulator at a moment.
 *
 * @param connected whether a front-end is connected
 * @param connections front-ends served since the start
 * @param device one line on what the driver has set
 * @param pairs the counters of each queue pair
 */
public record EmulatorSnapshot(boolean connected, long connections, String device, List<Map<Counter, Long>> pairs) {

    /** Whether a driver has negotiated. */
    public boolean hasDriver() {
        return !device.equals(NetDevice.NO_DRIVER);
    }

    /** A counter summed over all queue pairs. */
    public long total(Counter counter) {
        return pairs.stream().mapToLong(pair -> pair.get(counter)).sum();
    }
}
