// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.NetFeature;

/** The guest's receive offloads as the TAP's: what the guest takes, the kernel need not finish. */
final class Offloads {
    private Offloads() {}

    /** {@code TUN_F_*} flags for a mask of {@code VIRTIO_NET_F_GUEST_*} bits. */
    static int tunFlags(long guestOffloads) {
        if (!NetFeature.GUEST_CSUM.in(guestOffloads)) {
            // Segmentation without checksums makes no sense to the kernel, nor to the specification (5.1.3.1).
            return 0;
        }
        int flags = TunOffload.CSUM;
        if (NetFeature.GUEST_TSO4.in(guestOffloads)) {
            flags |= TunOffload.TSO4;
        }
        if (NetFeature.GUEST_TSO6.in(guestOffloads)) {
            flags |= TunOffload.TSO6;
        }
        if (NetFeature.GUEST_ECN.in(guestOffloads) && (flags & (TunOffload.TSO4 | TunOffload.TSO6)) != 0) {
            flags |= TunOffload.TSO_ECN;
        }
        // The kernel takes the two only together.
        if (NetFeature.GUEST_USO4.in(guestOffloads) && NetFeature.GUEST_USO6.in(guestOffloads)) {
            flags |= TunOffload.USO4 | TunOffload.USO6;
        }
        return flags;
    }

    /** Whether frames longer than the MTU may come. */
    static boolean longFrames(long guestOffloads) {
        return NetFeature.GUEST_CSUM.in(guestOffloads)
                && (NetFeature.GUEST_TSO4.in(guestOffloads)
                        || NetFeature.GUEST_TSO6.in(guestOffloads)
                        || NetFeature.GUEST_USO4.in(guestOffloads)
                        || NetFeature.GUEST_USO6.in(guestOffloads));
    }
}
