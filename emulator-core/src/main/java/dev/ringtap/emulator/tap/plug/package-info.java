// SPDX-License-Identifier: Apache-2.0
/**
 * What plugs into the host side of an emulated TAP: capture files, played and recorded, and another TAP.
 *
 * <p>Everything here uses the public {@link dev.ringtap.emulator.tap.emulated.HostSide} only.
 */
package dev.ringtap.emulator.tap.plug;
