// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.ArrayList;
import java.util.List;

/** Commands of class {@code VIRTIO_NET_CTRL_RX}, by number. VIRTIO 1.3, 5.1.6.5.1 Packet Receive Filtering. */
public enum ReceiveMode {
    /** Everything is received, whatever the other modes and tables say. */
    PROMISCUOUS(NetFeature.CTRL_RX),
    /** Every multicast frame is received. */
    ALL_MULTICAST(NetFeature.CTRL_RX),
    /** Every unicast frame is received. */
    ALL_UNICAST(NetFeature.CTRL_RX_EXTRA),
    /** No multicast frame is received, even with {@link #ALL_MULTICAST}. Broadcast is not meant. */
    NO_MULTICAST(NetFeature.CTRL_RX_EXTRA),
    /** No unicast frame is received, even with {@link #ALL_UNICAST}. */
    NO_UNICAST(NetFeature.CTRL_RX_EXTRA),
    /** No broadcast frame is received. */
    NO_BROADCAST(NetFeature.CTRL_RX_EXTRA);

    private static final ReceiveMode[] BY_COMMAND = values();

    private final NetFeature feature;
    private final int mask;

    ReceiveMode(NetFeature feature) {
        this.feature = feature;
        this.mask = 1 << ordinal();
    }

    /** The feature that lets a driver set this mode. */
    public NetFeature feature() {
        return feature;
    }

    int mask() {
        return mask;
    }

    /** The mode that {@code command} sets, or null. */
    static ReceiveMode byCommand(int command) {
        return command < BY_COMMAND.length ? BY_COMMAND[command] : null;
    }

    static List<ReceiveMode> describe(int modes) {
        List<ReceiveMode> on = new ArrayList<>();
        for (ReceiveMode mode : BY_COMMAND) {
            if ((modes & mode.mask) != 0) {
                on.add(mode);
            }
        }
        return on;
    }
}
