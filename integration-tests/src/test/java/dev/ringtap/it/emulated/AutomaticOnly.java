// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.emulated;

import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;

/** An emulated TAP left to its own steering. */
final class AutomaticOnly implements SteeringDesign {
    private final EmulatedTap tap;

    AutomaticOnly(EmulatedTap tap) {
        this.tap = tap;
    }

    @Override
    public String description() {
        return "automatic steering by the emulated TAP, hashes computed by the device";
    }

    @Override
    public String rssUnavailable() {
        return "there is no program";
    }

    @Override
    public HashSource hashSource(int queue) {
        return new DeviceHashSource(queue);
    }

    @Override
    public void rss(HashRules rules, boolean reported) {
        throw new IllegalStateException("RSS was not offered");
    }

    @Override
    public void holdAtQueueZero() {
        tap.setSteering(packet -> 0);
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) {
        tap.setAttachedQueues(pairs);
        tap.clearSteering();
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        // Nothing of its own.
    }
}
