// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.datapath.HeaderHashSource;
import dev.ringtap.emulator.tap.TapIoctl;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.VnetHashIoctls;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.net.RssConfig;
import java.io.IOException;

/**
 * The TAP steers and hashes by itself, as {@link VnetHashIoctls} tells it: the design {@code kernel}. Under RSS the hash is
 * read from the TAP's header.
 *
 * <p>Under automatic steering it is computed here: what the TAP would report then is its own flow hash, since
 * TUNSETVNETREPORTINGAUTOMQ takes no key, and a driver that set a key expects the Toeplitz hash under it.
 */
public final class IoctlSteering implements SteeringDesign {
    /** Every packet is unclassified, and so goes to queue 0. */
    private static final RssConfig QUEUE_ZERO = new RssConfig(0, 0, new int[] {0}, 1, new byte[0]);

    private final TapPort tap;
    private final VnetHashIoctls ioctls;
    private final String unavailable;
    private boolean byHash;

    private IoctlSteering(TapPort tap, VnetHashIoctls ioctls, String unavailable) {
        this.tap = tap;
        this.ioctls = ioctls;
        this.unavailable = unavailable;
    }

    /**
     * Asks the TAP whether it can do this. If not there is automatic steering, and no RSS.
     *
     * @param tap its queues have 20-byte headers
     * @param ioctl leads to the same TAP
     * @param hashTypes those that the device offers to drivers
     */
    public static IoctlSteering on(TapPort tap, TapIoctl ioctl, int hashTypes) {
        if (tap.queue(0).headerBytes() != NetHeader.SIZE_WITH_HASH) {
            throw new IllegalArgumentException("the TAP %s has headers of %d bytes, hash reports need %d"
                    .formatted(tap.name(), tap.queue(0).headerBytes(), NetHeader.SIZE_WITH_HASH));
        }
        VnetHashIoctls ioctls = new VnetHashIoctls(ioctl);
        try {
            int missing = hashTypes & ~ioctls.hashTypes();
            if (missing == 0) {
                return new IoctlSteering(tap, ioctls, null);
            }
            return new IoctlSteering(tap, ioctls, "the TAP computes no hashes of the types " + HashType.names(missing));
        } catch (NativeException e) {
            return new IoctlSteering(tap, ioctls, e.getMessage());
        }
    }

    @Override
    public String description() {
        return unavailable == null
                ? "RSS and hash reports by the TAP itself (ioctls)"
                : "automatic steering by the TAP, hashes computed by the device";
    }

    @Override
    public String rssUnavailable() {
        return unavailable;
    }

    @Override
    public HashSource hashSource(int queue) {
        // With one queue there is nothing to choose, and the kernel asks nobody: so nobody hashes there.
        return tap.queueCount() == 1 ? new DeviceHashSource(queue) : new HeaderHashSource(queue);
    }

    @Override
    public void rss(HashRules rules, boolean reported) throws IOException {
        if (!byHash) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        if (reported) {
            ioctls.setReportingRss(rules.steering());
        } else {
            ioctls.setRss(rules.steering());
        }
        byHash = true;
    }

    @Override
    public void holdAtQueueZero() throws IOException {
        if (unavailable == null) {
            ioctls.setRss(QUEUE_ZERO);
        }
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws IOException {
        tap.setAttachedQueues(pairs);
        if (unavailable == null) {
            ioctls.setReportingAutomq(0);
        }
        byHash = false;
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        // Nothing that is ours: the TAP keeps what it was told last, as it keeps a steering program.
    }
}
