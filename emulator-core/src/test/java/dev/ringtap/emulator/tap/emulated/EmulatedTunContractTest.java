// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/** The emulated TAP keeps the contract. */
class EmulatedTunContractTest extends TunContract {
    @Override
    TapBed open(int queues, int queueLength, int headerBytes) {
        return new EmulatedBed(queues, queueLength, headerBytes);
    }
}
