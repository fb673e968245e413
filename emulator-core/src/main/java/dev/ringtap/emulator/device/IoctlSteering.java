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
    private final int hashTypes;
    private boolean byHash;

    private IoctlSteering(TapPort tap, VnetHashIoctls ioctls, int hashTypes) {
        this.tap = tap;
        this.ioctls = ioctls;
        this.hashTypes = hashTypes;
    }

    /**
     * Asks the TAP which hashes it computes.
     *
     * @param tap its queues have 20-byte headers
     * @param ioctl leads to the same TAP
     * @throws NativeException if the TAP has no such ioctls
     */
    public static IoctlSteering on(TapPort tap, TapIoctl ioctl) throws NativeException {
        if (tap.queue(0).headerBytes() != NetHeader.SIZE_WITH_HASH) {
            throw new IllegalArgumentException("the TAP %s has headers of %d bytes, hash reports need %d"
                    .formatted(tap.name(), tap.queue(0).headerBytes(), NetHeader.SIZE_WITH_HASH));
        }
        VnetHashIoctls ioctls = new VnetHashIoctls(ioctl);
        return new IoctlSteering(tap, ioctls, ioctls.hashTypes() & HashType.ALL);
    }

    @Override
    public String description() {
        int missing = HashType.ALL & ~hashTypes;
        String all = "RSS and hash reports by the TAP itself (ioctls)";
        return missing == 0 ? all : all + ", which knows no " + HashType.names(missing);
    }

    @Override
    public String rssUnavailable() {
        return null;
    }

    @Override
    public int hashTypes() {
        return hashTypes;
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
        ioctls.setRss(QUEUE_ZERO);
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws IOException {
        tap.setAttachedQueues(pairs);
        ioctls.setReportingAutomq(0);
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
