// SPDX-License-Identifier: Apache-2.0
/**
 * A TAP in user space: {@link dev.ringtap.emulator.tap.emulated.EmulatedTap}. The guest's side is a
 * {@link dev.ringtap.emulator.tap.TapPort}; the host's side, {@link dev.ringtap.emulator.tap.emulated.HostSide}, takes the
 * place of a kernel's network stack and is open to whatever one plugs in. It behaves as the kernel's drivers/net/tun.c, and the
 * tests that say so run against both.
 */
package dev.ringtap.emulator.tap.emulated;
