// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.util.Arrays;

/** The guest's configuration in the device's words. */
final class Rules {
    private Rules() {}

    static HashRules of(GuestRss rss) {
        int pairs = 1
                + Math.max(rss.unclassified(), Arrays.stream(rss.table()).max().orElse(0));
        RssConfig config = new RssConfig(rss.hashTypes(), rss.unclassified(), rss.table(), pairs, rss.key());
        return new HashRules(new Toeplitz(rss.key()), rss.hashTypes(), config);
    }
}
