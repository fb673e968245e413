// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FeatureRulesTest {
    private static long mask(String names) {
        return names == null
                ? 0
                : Arrays.stream(names.split(" "))
                        .mapToLong(name -> NetFeature.valueOf(name).mask())
                        .sum();
    }

    @Test
    void everythingTogetherIsFineAndSoIsNothing() {
        assertThat(FeatureRules.check(-1, -1)).isNull();
        assertThat(FeatureRules.check(0, -1)).isNull();
        assertThat(FeatureRules.check(0, 0)).isNull();
    }

    @Test
    void namesWhatWasNotOffered() {
        assertThat(FeatureRules.check(NetFeature.MAC.mask() | NetFeature.MQ.mask() | 1L << 45, NetFeature.MAC.mask()))
                .isEqualTo("the driver acknowledged features that were not offered: MQ, bit 45");
    }

    /** Each row of VIRTIO 1.3, 5.1.3.1: the feature, then every smallest set of others that will do. */
    @ParameterizedTest
    @CsvSource({
        "GUEST_TSO4, GUEST_CSUM,",
        "GUEST_TSO6, GUEST_CSUM,",
        "GUEST_ECN, GUEST_CSUM GUEST_TSO4, GUEST_CSUM GUEST_TSO6",
        "GUEST_UFO, GUEST_CSUM,",
        "GUEST_USO4, GUEST_CSUM,",
        "GUEST_USO6, GUEST_CSUM,",
        "HOST_TSO4, CSUM,",
        "HOST_TSO6, CSUM,",
        "HOST_ECN, CSUM HOST_TSO4, CSUM HOST_TSO6",
        "HOST_UFO, CSUM,",
        "HOST_USO, CSUM,",
        "CTRL_RX, CTRL_VQ,",
        "CTRL_VLAN, CTRL_VQ,",
        "GUEST_ANNOUNCE, CTRL_VQ,",
        "MQ, CTRL_VQ,",
        "CTRL_MAC_ADDR, CTRL_VQ,",
        "NOTF_COAL, CTRL_VQ,",
        "RSC_EXT, CSUM HOST_TSO4, CSUM HOST_TSO6",
        "RSS, CTRL_VQ,",
        "VQ_NOTF_COAL, CTRL_VQ,",
        "HASH_TUNNEL, CTRL_VQ RSS, CTRL_VQ HASH_REPORT",
    })
    void featureNeedsItsRequirements(NetFeature feature, String enough, String alsoEnough) {
        assertThat(FeatureRules.check(feature.mask(), -1))
                .startsWith("the driver acknowledged " + feature + " without ");
        for (String set : new String[] {enough, alsoEnough}) {
            if (set != null) {
                assertThat(FeatureRules.check(feature.mask() | mask(set), -1)).isNull();
                for (String each : set.split(" ")) {
                    assertThat(FeatureRules.check(feature.mask() | mask(set) & ~mask(each), -1))
                            .isNotNull();
                }
            }
        }
    }

    @Test
    void namesTheAlternatives() {
        assertThat(FeatureRules.check(mask("GUEST_CSUM GUEST_ECN"), -1))
                .isEqualTo("the driver acknowledged GUEST_ECN without GUEST_TSO4 or GUEST_TSO6");
    }

    @ParameterizedTest
    @CsvSource({
        "CTRL_RX_EXTRA",
        "HASH_REPORT",
        "CTRL_GUEST_OFFLOADS",
        "MRG_RXBUF",
        "STATUS",
        "SPEED_DUPLEX",
        "GUEST_HDRLEN"
    })
    void whatTheSpecificationDoesNotForbidIsAllowedAlone(NetFeature feature) {
        assertThat(FeatureRules.check(feature.mask(), -1)).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "GUEST_CSUM GUEST_TSO4 GUEST_ECN, GUEST_CSUM GUEST_TSO4 GUEST_ECN",
        "GUEST_TSO4 GUEST_TSO6 GUEST_ECN GUEST_UFO GUEST_USO4 GUEST_USO6,",
        "GUEST_CSUM GUEST_ECN GUEST_USO4, GUEST_CSUM GUEST_USO4",
    })
    void dropsWhatLacksItsRequirement(String from, String to) {
        assertThat(FeatureRules.dropUnsupported(mask(from))).isEqualTo(mask(to));
    }
}
