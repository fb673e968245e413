/**
 * What a received packet must look like: an own reading of {@code docs/hash-rules.md}.
 *
 * <p>Written from that page alone, and slow on purpose: one key bit per input bit, one header at a time, nothing shared
 * with the device or with the steering program. Where all three agree, they agree for three reasons.
 */
package dev.ringtap.guest.check;
