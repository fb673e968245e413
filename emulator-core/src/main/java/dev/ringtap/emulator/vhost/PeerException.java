// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

/** The front-end sent what it must not: the message says what, and what would be right. */
final class PeerException extends Exception {
    private static final long serialVersionUID = 1L;

    PeerException(String message) {
        super(message);
    }
}
