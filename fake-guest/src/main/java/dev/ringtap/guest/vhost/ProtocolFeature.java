// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

/** Features of the protocol itself. vhost-user, Protocol features (names drop VHOST_USER_PROTOCOL_F_). */
public enum ProtocolFeature {
    MQ(0),
    LOG_SHMFD(1),
    RARP(2),
    REPLY_ACK(3),
    MTU(4),
    BACKEND_REQ(5),
    CONFIG(9),
    RESET_DEVICE(13),
    INBAND_NOTIFICATIONS(14),
    CONFIGURE_MEM_SLOTS(15),
    STATUS(16);

    private final int bit;

    ProtocolFeature(int bit) {
        this.bit = bit;
    }

    public long mask() {
        return 1L << bit;
    }

    public boolean in(long protocolFeatures) {
        return (protocolFeatures & mask()) != 0;
    }

    public static long of(ProtocolFeature... features) {
        long mask = 0;
        for (ProtocolFeature feature : features) {
            mask |= feature.mask();
        }
        return mask;
    }
}
