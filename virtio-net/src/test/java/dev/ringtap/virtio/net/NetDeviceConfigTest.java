// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.hex;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetDeviceConfigTest {
    private static final byte[] MAC = hex("02 11 22 33 44 55");
    private static final long EVERYTHING = -1;

    private static NetDeviceConfig device() {
        return new NetDeviceConfig(MAC, 4, 1500, 128, HashType.ALL, 10_000);
    }

    @Test
    void encodesTheWholeConfigurationSpace() {
        assertThat(device().encode(EVERYTHING, true, false))
                .isEqualTo(hex(
                        "02 11 22 33 44 55" // mac
                                + "01 00" // status
                                + "04 00" // max_virtqueue_pairs
                                + "dc 05" // mtu
                                + "10 27 00 00" // speed
                                + "01" // duplex
                                + "28" // rss_max_key_size
                                + "80 00" // rss_max_indirection_table_length
                                + "ff 01 00 00" // supported_hash_types
                                + "00 00 00 00")) // supported_tunnel_types
                .hasSize(28);
    }

    @Test
    void encodesEveryFieldsTopValue() {
        assertThat(new NetDeviceConfig(MAC, 256, 65535, 32768, 0x1FF, Integer.MAX_VALUE).encode(EVERYTHING, true, true))
                .isEqualTo(hex("021122334455 0300 0001 ffff ffffff7f 01 28 0080 ff010000 00000000"));
    }

    @Test
    void unknownSpeedHasUnknownDuplex() {
        assertThat(new NetDeviceConfig(MAC, 1, 68, 256, 0, NetDeviceConfig.SPEED_UNKNOWN)
                        .encode(EVERYTHING, false, false))
                .isEqualTo(hex("021122334455 0000 0100 4400 ffffffff ff 28 0001 00000000 00000000"));
    }

    @ParameterizedTest
    @CsvSource({
        "false, false, 00",
        "true, false, 01",
        "false, true, 02",
        "true, true, 03",
    })
    void statusHasLinkAndAnnouncement(boolean linkUp, boolean announce, String status) {
        assertThat(device().encode(EVERYTHING, linkUp, announce)[6]).isEqualTo(hex(status)[0]);
    }

    @ParameterizedTest
    @CsvSource({
        "MAC,          00000000 0000 00000000 00 00 0000 00000000",
        "STATUS,       01000000 0000 00000000 00 00 0000 00000000",
        "MQ,           00000400 0000 00000000 00 00 0000 00000000",
        "MTU,          00000000 dc05 00000000 00 00 0000 00000000",
        "SPEED_DUPLEX, 00000000 0000 10270000 01 00 0000 00000000",
        "HASH_REPORT,  00000000 0000 00000000 00 28 0000 ff010000",
        "RSS,          00000400 0000 00000000 00 28 8000 ff010000",
    })
    void fieldsExistWithTheirFeatureOnly(NetFeature feature, String fields) {
        assertThat(device().encode(feature.mask(), true, false)).isEqualTo(hex("021122334455" + fields + "00000000"));
    }

    @Test
    void macCanBeReplaced() {
        NetDeviceConfig changed = device().withMac(hex("02 00 00 00 00 09"));
        assertThat(changed.encode(EVERYTHING, true, false)).startsWith(hex("02 00 00 00 00 09 01 00 04 00"));
        assertThat(changed).isNotEqualTo(device());
    }

    @Test
    void isAValue() {
        byte[] mac = MAC.clone();
        NetDeviceConfig config = new NetDeviceConfig(mac, 4, 1500, 128, HashType.ALL, 10_000);
        mac[0] = 1;
        config.mac()[0] = 1;
        assertThat(config).isEqualTo(device()).hasSameHashCodeAs(device());
        assertThat(config)
                .hasToString("NetDeviceConfig[mac=02:11:22:33:44:55, maxQueuePairs=4, mtu=1500, rssMaxTableLength=128,"
                        + " supportedHashTypes=0x1ff, speedMbps=10000]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "01 00 5e 00 00 01",
                "ff ff ff ff ff ff",
                "00 00 00 00 00 00",
                "02 00 00 00 00",
                "02 00 00 00 00 00 00"
            })
    void refusesWhatIsNotAStationsAddress(String mac) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NetDeviceConfig(hex(mac), 1, 1500, 128, 0, 0))
                .withMessageStartingWith("mac ");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0   | 1500  | 128   | 0     | 0  | maxQueuePairs is 0, 1 to 256 is right",
                "257 | 1500  | 128   | 0     | 0  | maxQueuePairs is 257, 1 to 256 is right",
                "1   | 67    | 128   | 0     | 0  | mtu is 67, 68 to 65535 is right",
                "1   | 65536 | 128   | 0     | 0  | mtu is 65536, 68 to 65535 is right",
                "1   | 1500  | 64    | 0     | 0  | rssMaxTableLength is 64, 128 to 32768 is right",
                "1   | 1500  | 65536 | 0     | 0  | rssMaxTableLength is 65536, 128 to 32768 is right",
                "1   | 1500  | 192   | 0     | 0  | rssMaxTableLength is 192, not a power of two",
                "1   | 1500  | 128   | 512   | 0  | supportedHashTypes is 0x200, only bits of 0x1ff are known",
                "1   | 1500  | 128   | 0     | -2 | speedMbps is -2, 0 to 2147483647 or -1 (unknown) is right",
            })
    void refusalNamesFieldAndValue(int pairs, int mtu, int table, int types, int speed, String message) {
        assertThatThrownBy(() -> new NetDeviceConfig(MAC, pairs, mtu, table, types, speed))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
