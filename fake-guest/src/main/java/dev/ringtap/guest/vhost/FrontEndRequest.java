// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

/** Messages from the front-end to the back-end. vhost-user, Front-end message types (names drop VHOST_USER_). */
public enum FrontEndRequest {
    GET_FEATURES(1, true),
    SET_FEATURES(2, false),
    SET_OWNER(3, false),
    RESET_OWNER(4, false),
    SET_MEM_TABLE(5, false),
    SET_LOG_BASE(6, true),
    SET_LOG_FD(7, false),
    SET_VRING_NUM(8, false),
    SET_VRING_ADDR(9, false),
    SET_VRING_BASE(10, false),
    GET_VRING_BASE(11, true),
    SET_VRING_KICK(12, false),
    SET_VRING_CALL(13, false),
    SET_VRING_ERR(14, false),
    GET_PROTOCOL_FEATURES(15, true),
    SET_PROTOCOL_FEATURES(16, false),
    GET_QUEUE_NUM(17, true),
    SET_VRING_ENABLE(18, false),
    SEND_RARP(19, false),
    NET_SET_MTU(20, false),
    SET_BACKEND_REQ_FD(21, false),
    GET_CONFIG(24, true),
    SET_CONFIG(25, false),
    GET_INFLIGHT_FD(31, true),
    SET_INFLIGHT_FD(32, false),
    RESET_DEVICE(34, false),
    GET_MAX_MEM_SLOTS(36, true),
    ADD_MEM_REG(37, false),
    REM_MEM_REG(38, false),
    SET_STATUS(39, false),
    GET_STATUS(40, true);

    private final int code;
    private final boolean answered;

    FrontEndRequest(int code, boolean answered) {
        this.code = code;
        this.answered = answered;
    }

    public int code() {
        return code;
    }

    /** Whether a reply of its own comes, so that it needs no acknowledgement. */
    public boolean answered() {
        return answered;
    }

    /** For messages: the name, or {@code message N}. */
    public static String nameOf(int code) {
        for (FrontEndRequest request : values()) {
            if (request.code == code) {
                return request.name();
            }
        }
        return "message " + Integer.toUnsignedString(code);
    }
}
