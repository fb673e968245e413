// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

/** What kind of thing the base register of an access points at. */
public enum BaseKind {
    CONTEXT,
    /** The stack of the function that runs, or of one that called it. */
    STACK,
    /** A map itself. Programs hand it on, they cannot read it. */
    MAP,
    MAP_VALUE,
    /** A key, as the callback of bpf_for_each_map_elem is given it. Read-only. */
    MAP_KEY,
    PACKET,
    PACKET_END,
    /** A reserved record of a ring buffer. */
    RECORD,
    /** The memory of a program that runs on no packet. */
    MEMORY,
    /** A function of the program, to be called back. */
    FUNCTION
}
