// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/**
 * What has gone through a device, in the host's view as in {@code /proc/net/dev}: received is what the guest wrote, sent is
 * what was read from the queues. Bytes are of whole frames without the virtio-net header.
 *
 * @param rxPackets frames from the guest
 * @param rxBytes their bytes
 * @param rxErrors frames from the guest whose virtio-net header contradicts itself; the kernel counts these where it shows nobody
 * @param rxDropped frames from the guest refused for another reason: too large, or the interface is down
 * @param txPackets frames read from the queues
 * @param txBytes their bytes, whether the reader's buffer took them all or not
 * @param txDropped frames and segments of the host's that no queue took: full, filtered, none attached, impossible to cut
 * @param txDiscarded frames that left a queue unread: its detaching, the device's end, a buffer without room for the header.
 *     The kernel does not count these
 */
public record DeviceCounters(
        long rxPackets,
        long rxBytes,
        long rxErrors,
        long rxDropped,
        long txPackets,
        long txBytes,
        long txDropped,
        long txDiscarded) {}
