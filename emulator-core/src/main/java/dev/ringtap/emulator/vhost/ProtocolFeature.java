// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

/** vhost-user protocol features that this back-end has. Source: docs/interop/vhost-user.rst, Protocol features. */
enum ProtocolFeature {
    MQ(0),
    REPLY_ACK(3),
    NET_MTU(4),
    BACKEND_REQ(5),
    CONFIG(9),
    RESET_DEVICE(13),
    STATUS(16);

    private final long mask;

    ProtocolFeature(int bit) {
        mask = 1L << bit;
    }

    boolean in(long features) {
        return (features & mask) != 0;
    }

    /** All of them. */
    static long offered() {
        long all = 0;
        for (ProtocolFeature feature : values()) {
            all |= feature.mask;
        }
        return all;
    }
}
