// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/**
 * A control command that the device refuses: its ack is {@link ControlCommand#ERR} and nothing changes. The message is a
 * line for the log that names the command, the field and its value.
 */
public final class ControlCommandException extends Exception {
    private static final long serialVersionUID = 1L;

    ControlCommandException(String message) {
        super(message);
    }
}
