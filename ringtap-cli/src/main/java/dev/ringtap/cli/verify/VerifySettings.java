// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.HashSourceChoice;

/**
 * What the user asked for.
 *
 * @param queuePairs of the device, 1 to 127
 * @param flows how many, see {@link dev.ringtap.guest.traffic.FlowPlan}
 * @param seed of flows, keys and tables
 * @param engine how the emulator moves packets
 * @param tap whose TAP
 * @param hashSource who computes the hashes
 * @param loadPackets how many packets of load, 0 for none: {@link LoadPhase}
 * @param breakKey whether the checker is to work with a wrong key, so that the run has to fail
 */
record VerifySettings(
        int queuePairs,
        int flows,
        long seed,
        EngineChoice engine,
        TapChoice tap,
        HashSourceChoice hashSource,
        long loadPackets,
        boolean breakKey) {}
