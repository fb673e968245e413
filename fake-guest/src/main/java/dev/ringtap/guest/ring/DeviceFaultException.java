// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.ring;

/**
 * The device broke a rule that its driver relies on: a used ring that cannot be, a header that does not fit. Says which
 * rule and what was seen.
 */
public final class DeviceFaultException extends Exception {
    private static final long serialVersionUID = 1L;

    public DeviceFaultException(String message) {
        super(message);
    }
}
