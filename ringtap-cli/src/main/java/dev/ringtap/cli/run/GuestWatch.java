// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.emulator.EmulatorSnapshot;

/** Tells from looks at an emulator when a guest has set up its device. */
final class GuestWatch {
    private long toldConnection;
    private boolean driverBefore;

    /**
     * Takes a look; some time has to lie between two of them.
     *
     * @return true once for each front-end: a driver was there at this look and at the one before, so that its queues have
     *     had the time to start
     */
    boolean becameReady(EmulatorSnapshot now) {
        boolean driver = now.connected() && now.hasDriver();
        boolean ready = driver && driverBefore && now.connections() != toldConnection;
        driverBefore = driver;
        if (ready) {
            toldConnection = now.connections();
        }
        return ready;
    }
}
