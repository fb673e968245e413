// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

/** What {@code --hash-source} says of itself; its values are those of {@link dev.ringtap.emulator.HashSourceChoice}. */
public final class HashSourceOption {
    /** Description of the option. */
    public static final String DESCRIPTION = "Who computes the hashes: device, this process; ebpf, a program in the"
            + " kernel whose result travels in band (kernel's TAP only); kernel, the TAP itself, where the kernel has what"
            + " was proposed; vnet-hash, a program of the proposed type, or kfunc, a steering program that reports by a"
            + " kernel function (both on the emulated TAP only); or auto, whichever of device and ebpf costs less here."
            + " Default: ${DEFAULT-VALUE}.";

    private HashSourceOption() {}
}
