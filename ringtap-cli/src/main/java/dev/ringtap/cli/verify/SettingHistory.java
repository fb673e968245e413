// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import java.util.ArrayList;
import java.util.List;

/**
 * Settings in the order in which the driver sent them. A setting may be in force from the moment it is sent, and the one
 * before it until the device has acknowledged; so a packet is right if it is wholly right under one of those between
 * what was acknowledged when it was sent and what was sent when it arrived.
 *
 * <p>Not thread-safe.
 */
final class SettingHistory {
    /** For packets of which nobody knows when they were sent: a kernel's own, and answers of its TCP. */
    private static final long LONGEST_TRANSIT_NS = 2_000_000_000L;

    private final List<Setting> settings = new ArrayList<>();
    private final List<Long> endedNs = new ArrayList<>();
    private int acknowledged;

    SettingHistory(Setting first) {
        settings.add(first);
    }

    /** To be called before the command goes out. */
    void sent(Setting setting) {
        settings.add(setting);
    }

    /** To be called when the device has acknowledged all that was sent. */
    void acknowledged(long nowNs) {
        while (endedNs.size() < settings.size() - 1) {
            endedNs.add(nowNs);
        }
        acknowledged = settings.size() - 1;
    }

    /** What a packet sent now has to be at least as new as. */
    int mark() {
        return acknowledged;
    }

    /** The same for a packet that arrived now and was sent no one knows when. */
    int markOfUnknown(long nowNs) {
        int mark = acknowledged;
        while (mark > 0 && nowNs - endedNs.get(mark - 1) < LONGEST_TRANSIT_NS) {
            mark--;
        }
        return mark;
    }

    /** Settings a packet with this mark may show if it arrives now, newest first. */
    List<Setting> since(int mark) {
        return settings.subList(mark, settings.size()).reversed();
    }

    Setting newest() {
        return settings.getLast();
    }
}
