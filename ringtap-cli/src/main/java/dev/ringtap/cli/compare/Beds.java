// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.HostNeed;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.io.IOException;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;

/** Makes the beds, or says why not. */
final class Beds {
    private static final int MTU = 1500;
    private static final int RSS_TABLE_ENTRIES = 128;

    private final IoEngine engine;
    private final NetDeviceConfig device;
    private final Traffic traffic;
    private final GuestRss rss;
    private final int measuredRuns;
    private final String kernelTapMissing = HostNeed.missing("compare", EnumSet.allOf(HostNeed.class));
    private final Map<Design, String> refused = new EnumMap<>(Design.class);

    Beds(CompareSettings settings, IoEngine engine, byte[] guestMac, Traffic traffic, GuestRss rss) {
        this.engine = engine;
        this.traffic = traffic;
        this.rss = rss;
        measuredRuns = settings.measuredRuns();
        device = new NetDeviceConfig(
                guestMac,
                settings.queuePairs(),
                MTU,
                RSS_TABLE_ENTRIES,
                settings.hashTypes(),
                NetDeviceConfig.SPEED_UNKNOWN);
    }

    /**
     * Makes the bed of one design.
     *
     * @return null if this host cannot run it; {@link #refusal} says why
     */
    Bed make(Design design) throws Exception {
        if (design.tap() == Design.Tap.EMULATED) {
            return EmulatedBed.create(design, device, engine, traffic, measuredRuns, rss);
        }
        if (kernelTapMissing != null) {
            refused.put(design, kernelTapMissing);
            return null;
        }
        try {
            return KernelBed.create(design, device, engine, traffic, measuredRuns, rss);
        } catch (IOException e) {
            refused.put(design, e.getMessage());
            return null;
        }
    }

    /** Why a design has no bed. */
    String refusal(Design design) {
        return refused.get(design);
    }
}
