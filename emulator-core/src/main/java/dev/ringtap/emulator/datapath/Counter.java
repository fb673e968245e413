// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

/** What is counted for each queue pair. Packets unless the name says otherwise. */
public enum Counter {
    /** Delivered to the guest. */
    RX_PACKETS,
    RX_BYTES,
    /** Delivered with a hash report other than none. */
    RX_HASHED,
    /** Delivered to the guest without the hash that should have come with it in band; it was computed here. */
    RX_UNPREFIXED,
    /** Handed to the TAP. */
    TX_PACKETS,
    TX_BYTES,
    /** Not wanted by the guest's receive filter. */
    RX_FILTERED,
    /** The driver had too few receive buffers for the frame. */
    RX_NO_BUFFERS,
    /** The frame was longer than a receive buffer of a driver without mergeable buffers. */
    RX_TOO_LONG,
    /** Queued in the TAP under offloads that the guest has given up since, or before its driver started. */
    RX_STALE,
    /** The TAP answered a read with an error other than "empty". */
    RX_ERRORS,
    /** The header of a transmitted packet breaks a rule of the specification. */
    TX_BAD_HEADER,
    /** The kernel refused the frame (invalid, out of memory, interface down). */
    TX_REFUSED,
    /** Kicks and calls: notifications, not packets. */
    RX_KICKS,
    TX_KICKS,
    RX_CALLS,
    TX_CALLS,
    /** Bursts that moved at least one packet. */
    RX_BURSTS,
    TX_BURSTS,
    /** Frames that outgrew the buffers set aside and were finished by a copy. */
    RX_SPILLED
}
