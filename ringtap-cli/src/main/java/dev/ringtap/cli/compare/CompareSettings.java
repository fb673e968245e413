// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.EngineChoice;

/**
 * What the user asked for.
 *
 * @param queuePairs of each device, 2 or more, since a TAP with one queue steers nothing
 * @param flows how many, see {@link dev.ringtap.guest.traffic.FlowPlan}
 * @param packets how many of them together in a pass, {@code flows} or more
 * @param passes how often every design gets them
 * @param hashTypes of the RSS configuration, a mask of {@link dev.ringtap.guest.check.HashTypes}
 * @param measuredRuns how often a step is run to measure it once, about: enough for milliseconds
 * @param seed of flows, key and table
 * @param engine how ringtap moves packets
 * @param broken the design that is given a wrong key, so that the run has to fail; null for none
 */
record CompareSettings(
        int queuePairs,
        int flows,
        int packets,
        int passes,
        int hashTypes,
        int measuredRuns,
        long seed,
        EngineChoice engine,
        Design broken) {}
