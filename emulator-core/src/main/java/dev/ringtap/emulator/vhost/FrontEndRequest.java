// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

/**
 * What a front-end may ask, and what each message may carry. Enforced before any handler runs, so a handler never sees a
 * payload of another size or a descriptor that has no business there. Source: QEMU, docs/interop/vhost-user.rst,
 * Front-end message types.
 */
enum FrontEndRequest {
    GET_FEATURES(1, Fds.NONE, 0, 0),
    SET_FEATURES(2, Fds.NONE, 8, 8),
    SET_OWNER(3, Fds.NONE, 0, 0),
    RESET_OWNER(4, Fds.NONE, 0, 0),
    SET_MEM_TABLE(5, Fds.PER_REGION, 8, 8 + 32 * Limits.MEMORY_REGIONS),
    SET_VRING_NUM(8, Fds.NONE, 8, 8),
    SET_VRING_ADDR(9, Fds.NONE, 40, 40),
    SET_VRING_BASE(10, Fds.NONE, 8, 8),
    GET_VRING_BASE(11, Fds.NONE, 8, 8),
    SET_VRING_KICK(12, Fds.AT_MOST_ONE, 8, 8),
    SET_VRING_CALL(13, Fds.AT_MOST_ONE, 8, 8),
    SET_VRING_ERR(14, Fds.AT_MOST_ONE, 8, 8),
    GET_PROTOCOL_FEATURES(15, Fds.NONE, 0, 0),
    SET_PROTOCOL_FEATURES(16, Fds.NONE, 8, 8),
    GET_QUEUE_NUM(17, Fds.NONE, 0, 0),
    SET_VRING_ENABLE(18, Fds.NONE, 8, 8),
    NET_SET_MTU(20, Fds.NONE, 8, 8),
    SET_BACKEND_REQ_FD(21, Fds.ONE, 0, 0),
    GET_CONFIG(24, Fds.NONE, 12, 12 + Limits.CONFIG_BYTES),
    SET_CONFIG(25, Fds.NONE, 12, 12 + Limits.CONFIG_BYTES),
    RESET_DEVICE(34, Fds.NONE, 0, 0),
    SET_STATUS(39, Fds.NONE, 8, 8),
    GET_STATUS(40, Fds.NONE, 0, 0);

    /** How many descriptors ride on a message. */
    enum Fds {
        NONE(0, 0),
        ONE(1, 1),
        AT_MOST_ONE(0, 1),
        /** One for each region of the table; the handler compares with the table's own count. */
        PER_REGION(0, Limits.MEMORY_REGIONS);

        final int least;
        final int most;

        Fds(int least, int most) {
            this.least = least;
            this.most = most;
        }
    }

    /** Limits that the protocol leaves to the back-end. */
    static final class Limits {
        static final int MEMORY_REGIONS = 8;
        /** VHOST_USER_MAX_CONFIG_SIZE. */
        static final int CONFIG_BYTES = 256;

        private Limits() {}
    }

    private static final FrontEndRequest[] BY_NUMBER = new FrontEndRequest[41];

    static {
        for (FrontEndRequest request : values()) {
            BY_NUMBER[request.number] = request;
        }
    }

    private final int number;
    private final Fds fds;
    private final int leastBytes;
    private final int mostBytes;

    FrontEndRequest(int number, Fds fds, int leastBytes, int mostBytes) {
        this.number = number;
        this.fds = fds;
        this.leastBytes = leastBytes;
        this.mostBytes = mostBytes;
    }

    /** The request of this number, or {@code null} if this back-end does not know it. */
    static FrontEndRequest of(int number) {
        return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
    }

    int number() {
        return number;
    }

    /** What is wrong with a message of this kind carrying so much, or {@code null}. */
    String objection(int payloadBytes, int descriptors) {
        if (payloadBytes < leastBytes || payloadBytes > mostBytes) {
            return "a payload of %d bytes, expected %s"
                    .formatted(payloadBytes, leastBytes == mostBytes ? leastBytes : leastBytes + " to " + mostBytes);
        }
        if (descriptors < fds.least || descriptors > fds.most) {
            return "%d descriptors, expected %s"
                    .formatted(descriptors, fds.least == fds.most ? fds.least : fds.least + " to " + fds.most);
        }
        return null;
    }
}
