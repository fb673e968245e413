// SPDX-License-Identifier: Apache-2.0
/**
 * TAP ports: what stands on the host's side of the datapath. A {@link dev.ringtap.emulator.tap.TapPort} is the kernel's
 * device or one that behaves like it; the datapath reads and writes frames by way of its queues and does not know which.
 */
package dev.ringtap.emulator.tap;
