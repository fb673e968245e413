// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;

/** The kernel keeps the contract: what the emulated TAP is held to is true. */
@RequiresTap
@RequiresBpf
class KernelTunContractTest extends TunContract {
    @Override
    TapBed open(int queues, int queueLength, int headerBytes) throws Exception {
        return new KernelBed(queues, queueLength, headerBytes);
    }
}
