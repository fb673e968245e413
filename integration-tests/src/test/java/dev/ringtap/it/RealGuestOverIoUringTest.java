// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

/** Packets moved by io_uring, in batches. */
class RealGuestOverIoUringTest extends RealGuestScenarios {
    RealGuestOverIoUringTest() {
        super("io_uring");
    }
}
