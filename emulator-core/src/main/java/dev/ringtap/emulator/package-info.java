/**
 * The emulator: a TAP and a virtio-net device back to back in one process.
 *
 * <p>Start with {@link dev.ringtap.emulator.Emulator}. How it fits together is drawn in {@code docs/architecture.md}.
 */
package dev.ringtap.emulator;
