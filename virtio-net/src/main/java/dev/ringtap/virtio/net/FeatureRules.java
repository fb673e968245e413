// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.NetFeature.CSUM;
import static dev.ringtap.virtio.net.NetFeature.CTRL_MAC_ADDR;
import static dev.ringtap.virtio.net.NetFeature.CTRL_RX;
import static dev.ringtap.virtio.net.NetFeature.CTRL_VLAN;
import static dev.ringtap.virtio.net.NetFeature.CTRL_VQ;
import static dev.ringtap.virtio.net.NetFeature.GUEST_ANNOUNCE;
import static dev.ringtap.virtio.net.NetFeature.GUEST_CSUM;
import static dev.ringtap.virtio.net.NetFeature.GUEST_ECN;
import static dev.ringtap.virtio.net.NetFeature.GUEST_TSO4;
import static dev.ringtap.virtio.net.NetFeature.GUEST_TSO6;
import static dev.ringtap.virtio.net.NetFeature.GUEST_UFO;
import static dev.ringtap.virtio.net.NetFeature.GUEST_USO4;
import static dev.ringtap.virtio.net.NetFeature.GUEST_USO6;
import static dev.ringtap.virtio.net.NetFeature.HASH_REPORT;
import static dev.ringtap.virtio.net.NetFeature.HASH_TUNNEL;
import static dev.ringtap.virtio.net.NetFeature.HOST_ECN;
import static dev.ringtap.virtio.net.NetFeature.HOST_TSO4;
import static dev.ringtap.virtio.net.NetFeature.HOST_TSO6;
import static dev.ringtap.virtio.net.NetFeature.HOST_UFO;
import static dev.ringtap.virtio.net.NetFeature.HOST_USO;
import static dev.ringtap.virtio.net.NetFeature.MQ;
import static dev.ringtap.virtio.net.NetFeature.NOTF_COAL;
import static dev.ringtap.virtio.net.NetFeature.RSC_EXT;
import static dev.ringtap.virtio.net.NetFeature.RSS;
import static dev.ringtap.virtio.net.NetFeature.VQ_NOTF_COAL;

import java.util.List;

/** What feature bits demand of each other. VIRTIO 1.3, 5.1.3.1 Feature bit requirements. */
public final class FeatureRules {
    /** Bits of {@code VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET}: what the driver takes, switchable while running. */
    static final long GUEST_OFFLOADS =
            NetFeature.mask(GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN, GUEST_UFO, GUEST_USO4, GUEST_USO6);

    /** {@code feature} requires at least one of {@code oneOf}; a feature may have several such rows. */
    private record Requirement(NetFeature feature, long oneOf) {
        static Requirement of(NetFeature feature, NetFeature... oneOf) {
            return new Requirement(feature, NetFeature.mask(oneOf));
        }

        boolean brokenBy(long features) {
            return feature.in(features) && (features & oneOf) == 0;
        }
    }

    // In an order in which dropping the features that break a row once, top down, leaves no row broken.
    private static final List<Requirement> REQUIREMENTS = List.of(
            Requirement.of(GUEST_TSO4, GUEST_CSUM),
            Requirement.of(GUEST_TSO6, GUEST_CSUM),
            Requirement.of(GUEST_ECN, GUEST_TSO4, GUEST_TSO6),
            Requirement.of(GUEST_UFO, GUEST_CSUM),
            Requirement.of(GUEST_USO4, GUEST_CSUM),
            Requirement.of(GUEST_USO6, GUEST_CSUM),
            Requirement.of(HOST_TSO4, CSUM),
            Requirement.of(HOST_TSO6, CSUM),
            Requirement.of(HOST_ECN, HOST_TSO4, HOST_TSO6),
            Requirement.of(HOST_UFO, CSUM),
            Requirement.of(HOST_USO, CSUM),
            Requirement.of(CTRL_RX, CTRL_VQ),
            Requirement.of(CTRL_VLAN, CTRL_VQ),
            Requirement.of(GUEST_ANNOUNCE, CTRL_VQ),
            Requirement.of(MQ, CTRL_VQ),
            Requirement.of(CTRL_MAC_ADDR, CTRL_VQ),
            Requirement.of(NOTF_COAL, CTRL_VQ),
            Requirement.of(RSC_EXT, HOST_TSO4, HOST_TSO6),
            Requirement.of(RSS, CTRL_VQ),
            Requirement.of(VQ_NOTF_COAL, CTRL_VQ),
            Requirement.of(HASH_TUNNEL, CTRL_VQ),
            Requirement.of(HASH_TUNNEL, RSS, HASH_REPORT));

    private FeatureRules() {}

    /**
     * Judges what a driver acknowledged. What the specification only advises against (CTRL_RX_EXTRA or HASH_REPORT
     * without CTRL_VQ) is let pass: the feature is then merely of no use.
     *
     * @param acknowledged features of the driver
     * @param offered features of the device
     * @return one line naming the features at fault, or {@code null} if the device can run with these
     */
    public static String check(long acknowledged, long offered) {
        long surplus = acknowledged & ~offered;
        if (surplus != 0) {
            return "the driver acknowledged features that were not offered: " + NetFeature.describe(surplus);
        }
        for (Requirement requirement : REQUIREMENTS) {
            if (requirement.brokenBy(acknowledged)) {
                return "the driver acknowledged " + requirement.feature + " without "
                        + NetFeature.describe(requirement.oneOf).replace(", ", " or ");
            }
        }
        return null;
    }

    /** {@code features} without those whose requirement is not among them. */
    static long dropUnsupported(long features) {
        long kept = features;
        for (Requirement requirement : REQUIREMENTS) {
            if (requirement.brokenBy(kept)) {
                kept &= ~requirement.feature.mask();
            }
        }
        return kept;
    }
}
