// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

/** A failure with a message for the user: one line, complete, with what to do where that is known. */
public final class CommandException extends Exception {
    private static final long serialVersionUID = 1L;

    public CommandException(String message) {
        super(message);
    }

    public CommandException(String message, Throwable cause) {
        super(message, cause);
    }
}
