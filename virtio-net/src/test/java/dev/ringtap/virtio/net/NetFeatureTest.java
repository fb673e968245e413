// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class NetFeatureTest {
    @Test
    void bitsAreThoseOfTheSpecification() {
        String bits = Arrays.stream(NetFeature.values())
                .map(feature -> feature + "=" + feature.bit())
                .collect(Collectors.joining(" "));
        assertThat(bits)
                .isEqualTo(
                        "CSUM=0 GUEST_CSUM=1 CTRL_GUEST_OFFLOADS=2 MTU=3 MAC=5 GUEST_TSO4=7 GUEST_TSO6=8 GUEST_ECN=9 "
                                + "GUEST_UFO=10 HOST_TSO4=11 HOST_TSO6=12 HOST_ECN=13 HOST_UFO=14 MRG_RXBUF=15 STATUS=16 "
                                + "CTRL_VQ=17 CTRL_RX=18 CTRL_VLAN=19 CTRL_RX_EXTRA=20 GUEST_ANNOUNCE=21 MQ=22 CTRL_MAC_ADDR=23 "
                                + "DEVICE_STATS=50 HASH_TUNNEL=51 VQ_NOTF_COAL=52 NOTF_COAL=53 GUEST_USO4=54 GUEST_USO6=55 "
                                + "HOST_USO=56 HASH_REPORT=57 GUEST_HDRLEN=59 RSS=60 RSC_EXT=61 STANDBY=62 SPEED_DUPLEX=63");
    }

    @Test
    void transportBitsAreThoseOfTheSpecification() {
        String bits = Arrays.stream(VirtioFeature.values())
                .map(feature -> feature + "=" + feature.bit())
                .collect(Collectors.joining(" "));
        assertThat(bits)
                .isEqualTo("NOTIFY_ON_EMPTY=24 ANY_LAYOUT=27 INDIRECT_DESC=28 EVENT_IDX=29 VERSION_1=32 "
                        + "ACCESS_PLATFORM=33 RING_PACKED=34 IN_ORDER=35 ORDER_PLATFORM=36 NOTIFICATION_DATA=38 "
                        + "RING_RESET=40");
    }

    @Test
    void maskHasTheBitAlone() {
        assertThat(NetFeature.CSUM.mask()).isEqualTo(1);
        assertThat(NetFeature.SPEED_DUPLEX.mask()).isEqualTo(Long.MIN_VALUE);
        assertThat(NetFeature.SPEED_DUPLEX.in(-1)).isTrue();
        assertThat(NetFeature.SPEED_DUPLEX.in(Long.MAX_VALUE)).isFalse();
        assertThat(VirtioFeature.VERSION_1.mask()).isEqualTo(0x1_0000_0000L);
        assertThat(VirtioFeature.VERSION_1.in(0xFFFF_FFFFL)).isFalse();
    }

    @Test
    void describesNetworkTransportAndUnknownBits() {
        long features =
                NetFeature.MAC.mask() | NetFeature.RSS.mask() | VirtioFeature.VERSION_1.mask() | 1L << 30 | 1L << 41;
        assertThat(NetFeature.describe(features)).isEqualTo("MAC, bit 30, VERSION_1, bit 41, RSS");
        assertThat(NetFeature.describe(0)).isEqualTo("none");
    }

    @Test
    void hashTypesAndReportsGoTogether() {
        // VIRTIO_NET_HASH_TYPE_XXX = 1 << (VIRTIO_NET_HASH_REPORT_XXX - 1)
        int all = 0;
        for (HashType type : HashType.values()) {
            assertThat(type.mask()).isEqualTo(1 << type.report() - 1);
            all |= type.mask();
        }
        assertThat(HashType.ALL).isEqualTo(all);
        assertThat(HashType.UDP_EX.report()).isEqualTo(9);
        assertThat(HashReport.name(9)).isEqualTo("UDPv6_EX");
        assertThat(HashReport.name(10)).isEqualTo("10");
    }

    @Test
    void onlyHashesOfTransportHeadersHavePorts() {
        StringBuilder with = new StringBuilder();
        for (int report = -33; report < 66; report++) {
            if (HashReport.hasPorts(report)) {
                with.append(HashReport.name(report)).append(' ');
            }
        }
        assertThat(with.toString().trim()).isEqualTo("TCPv4 UDPv4 TCPv6 UDPv6 TCPv6_EX UDPv6_EX");
    }
}
