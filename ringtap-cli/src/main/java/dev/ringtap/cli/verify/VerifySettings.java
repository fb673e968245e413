// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.TapChoice;

/**
 * What the user asked for.
 *
 * @param queuePairs of the device, 1 to 127
 * @param flows how many, see {@link dev.ringtap.guest.traffic.FlowPlan}
 * @param seed of flows, keys and tables
 * @param engine how the emulator moves packets
 * @param tap whose TAP
 * @param breakKey whether the checker is to work with a wrong key, so that the run has to fail
 */
record VerifySettings(int queuePairs, int flows, long seed, EngineChoice engine, TapChoice tap, boolean breakKey) {}
