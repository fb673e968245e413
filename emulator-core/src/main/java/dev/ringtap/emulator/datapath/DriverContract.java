// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.virtio.net.ReceiveFilter;

/**
 * What the negotiated features and the control queue mean for a queue pair's packets. Immutable; a loop gets a new one
 * as a message.
 *
 * @param features acknowledged feature bits
 * @param headerBytes size of {@code struct virtio_net_hdr} in every packet: 10, 12 or 20
 * @param mergeable whether a received frame may span several buffers
 * @param guestOffloads mask of {@code VIRTIO_NET_F_GUEST_*} bits in force (they can be switched by the control queue)
 * @param largestFrameBytes longest frame the TAP may hand over under these offloads
 * @param usualFrameBytes longest frame without segmentation offload and without VLAN tags
 * @param filter which frames the driver wants
 */
public record DriverContract(
        long features,
        int headerBytes,
        boolean mergeable,
        long guestOffloads,
        int largestFrameBytes,
        int usualFrameBytes,
        ReceiveFilter filter) {}
