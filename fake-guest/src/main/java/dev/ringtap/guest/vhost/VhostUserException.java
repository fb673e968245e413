// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

import java.io.IOException;

/** The back-end refused a message, answered it wrongly, or does not answer. The message names the request. */
public final class VhostUserException extends IOException {
    private static final long serialVersionUID = 1L;

    public VhostUserException(String message) {
        super(message);
    }

    public VhostUserException(String message, Throwable cause) {
        super(message, cause);
    }
}
