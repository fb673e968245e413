// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import java.util.Locale;

/** Who computes the hashes of packets. See {@code docs/hash-sources.md} and {@code docs/designs.md}. */
public enum HashSourceChoice {
    /** {@link #DEVICE} or {@link #EBPF}, whichever costs less here; {@link #DEVICE} on an emulated TAP. */
    AUTO(true, true),
    /** This process, over the frame that it just read. */
    DEVICE(true, true),
    /** An eBPF program in the kernel; its result travels in band. */
    EBPF(true, false),
    /** The TAP, by the ioctls that were proposed for it. */
    KERNEL(true, true),
    /** A program of the type that was proposed, which answers with queue and hash. */
    VNET_HASH(false, true),
    /** A steering program that reports the hash by a kernel function. */
    KFUNC(false, true);

    private final boolean onKernelTap;
    private final boolean onEmulatedTap;

    HashSourceChoice(boolean onKernelTap, boolean onEmulatedTap) {
        this.onKernelTap = onKernelTap;
        this.onEmulatedTap = onEmulatedTap;
    }

    /** Whether a kernel's TAP may have it, some kernel's at least. */
    public boolean onKernelTap() {
        return onKernelTap;
    }

    /** Whether an emulated TAP has it. */
    public boolean onEmulatedTap() {
        return onEmulatedTap;
    }

    /** As a command line spells it. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
