// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

/** Who computes the hashes of packets on the kernel's TAP. See {@code docs/hash-sources.md}. */
public enum HashSourceChoice {
    /** {@link #DEVICE} or {@link #EBPF}, whichever costs less here. */
    AUTO,
    /** This process, over the frame that it just read. */
    DEVICE,
    /** An eBPF program in the kernel; its result travels in band. */
    EBPF,
    /** The TAP, if the kernel has the ioctls that were proposed for it. */
    KERNEL
}
