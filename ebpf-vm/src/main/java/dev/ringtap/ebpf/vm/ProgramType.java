// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** What a program is for: it decides what its context offers and which helpers it may call. */
public enum ProgramType {
    /** {@code SEC("socket")}: steering programs and filters of a TAP. Reads the packet through helpers only. */
    SOCKET_FILTER,
    /** {@code SEC("tc")}: may rewrite the packet and reads it directly. */
    SCHED_CLS,
    /** {@code SEC("action")}: as {@link #SCHED_CLS}. */
    SCHED_ACT,
    /**
     * {@code SEC("vnet_hash")}, proposed in 2023 and never merged: a steering program that also reports the hash, by
     * three more fields of its context.
     */
    VNET_HASH,
    /** No packet: r1 points to the bytes, r2 is how many there are. Not loaded from objects. */
    MEMORY
}
