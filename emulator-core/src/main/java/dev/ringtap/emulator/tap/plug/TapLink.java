// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import dev.ringtap.emulator.tap.emulated.HostReceiver;
import dev.ringtap.emulator.tap.emulated.HostSide;

/**
 * A cable between two emulated TAPs: what one's guest sends, the other's gets, so that two guests talk to each other. Offloads
 * pass as they are; where the receiving guest lacks one, its TAP does the work. What does not fit into a queue is dropped
 * there and counted there.
 */
public final class TapLink implements AutoCloseable {
    private final HostSide one;
    private final HostSide other;

    private TapLink(HostSide one, HostSide other) {
        this.one = one;
        this.other = other;
    }

    /** Becomes the receiver of both sides. */
    public static TapLink between(HostSide one, HostSide other) {
        one.receiver(into(other));
        other.receiver(into(one));
        return new TapLink(one, other);
    }

    private static HostReceiver into(HostSide side) {
        return (queue, data, offset, lengthBytes, info) -> side.send(data, offset, lengthBytes, info);
    }

    /** Unplugs both ends; frames go nowhere then. */
    @Override
    public void close() {
        one.receiver(null);
        other.receiver(null);
    }
}
