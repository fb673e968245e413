// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RssConfigTest {
    private static final byte[] KEY = ToeplitzTest.KEY;

    @Test
    void queueIsThatOfTheHashsBucket() {
        RssConfig rss = new RssConfig(HashType.ALL, 7, new int[] {0, 1, 2, 5}, 1, KEY);
        assertThat(rss.queueFor(0, HashReport.IPV4)).isZero();
        assertThat(rss.queueFor(0xFFFF_FFFF, HashReport.TCPV4)).isEqualTo(5);
        assertThat(rss.queueFor(0x8000_0002, HashReport.UDPV6_EX)).isEqualTo(2);
        assertThat(rss.queueFor(3, HashReport.NONE)).isEqualTo(7);
        assertThat(rss.receiveQueuePairs()).isEqualTo(8);
    }

    @Test
    void tableOfOneEntryTakesEveryHash() {
        RssConfig rss = new RssConfig(HashType.ALL, 0, new int[] {3}, 1, KEY);
        assertThat(rss.queueFor(0xDEAD_BEEF, HashReport.IPV6)).isEqualTo(3);
        assertThat(rss.receiveQueuePairs()).isEqualTo(4);
    }

    @Test
    void isAValue() {
        int[] table = {0, 1};
        byte[] key = KEY.clone();
        RssConfig rss = new RssConfig(1, 0, table, 2, key);
        table[0] = 9;
        key[0] = 9;
        rss.table()[0] = 9;
        rss.key()[0] = 9;
        RssConfig same = new RssConfig(1, 0, new int[] {0, 1}, 2, KEY);
        assertThat(rss).isEqualTo(same).hasSameHashCodeAs(same);
        assertThat(rss.queueFor(0, HashReport.IPV4)).isZero();
        assertThat(rss).isNotEqualTo(new RssConfig(1, 0, new int[] {0, 0}, 2, KEY));
        assertThat(new RssConfig(1, 0, table, 2, new byte[] {0x6d, 0x5a}))
                .hasToString(
                        "RssConfig[hashTypes=0x1, unclassifiedQueue=0, table=[9, 1], maxTxQueuePairs=2, key=6d5a]");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 5, 6, 7, 127, 129})
    void tableIsAPowerOfTwo(int length) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new RssConfig(0, 0, new int[length], 1, KEY))
                .withMessage("table has " + length + " entries, not a power of two");
    }

    @Test
    void refusesWhatNoDeviceCanDo() {
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(0, -1, new int[1], 1, KEY));
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(0, 0, new int[] {-1}, 1, KEY));
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(0, 0, new int[1], 0, KEY));
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(0x200, 0, new int[1], 1, KEY));
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(1, 0, new int[1], 1, new byte[0]));
        assertThatIllegalArgumentException().isThrownBy(() -> new RssConfig(1, 0, new int[1], 1, new byte[41]));
        assertThatIllegalArgumentException().isThrownBy(() -> new HashConfig(1, new byte[0]));
        assertThatIllegalArgumentException().isThrownBy(() -> new HashConfig(-1, KEY));
    }

    @Test
    void hashConfigIsAValue() {
        byte[] key = KEY.clone();
        HashConfig config = new HashConfig(3, key);
        key[0] = 0;
        config.key()[0] = 0;
        assertThat(config).isEqualTo(new HashConfig(3, KEY)).hasSameHashCodeAs(new HashConfig(3, KEY));
        assertThat(config).isNotEqualTo(new HashConfig(1, KEY));
        assertThat(new HashConfig(0, new byte[0])).hasToString("HashConfig[hashTypes=0x0, key=]");
    }
}
