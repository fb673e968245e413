// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Queue and hash of a packet come from one configuration, also while it changes. */
class DeviceHashSourceTest {
    private static final byte[] MICROSOFT_KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    private static final byte[] OTHER_KEY = otherKey();
    /** UDP 10.9.0.1:4001 → 10.9.0.2:777, whose hash under Microsoft's key a6c2f7fa was reported by other devices. */
    private static final MemorySegment FRAME = frame();

    private static final MemorySegment NO_FRONT = MemorySegment.NULL;

    private static final int MICROSOFT_HASH = 0xA6C2F7FA;

    private static byte[] otherKey() {
        byte[] key = MICROSOFT_KEY.clone();
        key[3] ^= 0x11;
        return key;
    }

    private static MemorySegment frame() {
        byte[] bytes = HexFormat.of()
                .parseHex("020000000001020000000002" + "0800" + "45000020000040004011" + "0000" + "0a090001"
                        + "0a090002" + "0fa1" + "0309" + "000c" + "0000" + "00000000");
        MemorySegment segment = Arena.global().allocate(bytes.length);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    /** Rules under which every hash goes to one queue. */
    private static HashRules allTo(int queue, byte[] key) {
        int[] table = new int[1];
        Arrays.fill(table, queue);
        RssConfig rss = new RssConfig(HashType.ALL, queue, table, 4, key);
        return new HashRules(new Toeplitz(key), HashType.ALL, rss);
    }

    private static void change(DeviceHashSource source, HashRules next) {
        source.prepare(next);
        source.commit();
        source.queueEmpty();
    }

    private static int hash(DeviceHashSource source) {
        source.hash(NO_FRONT, 0, FRAME, 0, FRAME.byteSize());
        return source.value();
    }

    @Test
    void nothingIsReportedBeforeADriverAsks() {
        DeviceHashSource source = new DeviceHashSource(0);
        assertThat(hash(source)).isZero();
        assertThat(source.report()).isEqualTo(HashReport.NONE);
    }

    @Test
    void reportsTheHashInForce() {
        DeviceHashSource source = new DeviceHashSource(1);
        change(source, allTo(1, MICROSOFT_KEY));
        assertThat(hash(source)).isEqualTo(MICROSOFT_HASH);
        assertThat(source.report()).isEqualTo(HashReport.UDPV4);
        assertThat(source.settled()).isTrue();
    }

    /** Before the kernel has switched, frames come on the queue that the old table says. */
    @Test
    void aFrameOfTheOldConfigurationKeepsItsHash() {
        DeviceHashSource source = new DeviceHashSource(1);
        change(source, allTo(1, MICROSOFT_KEY));
        source.prepare(allTo(2, OTHER_KEY));
        assertThat(hash(source)).isEqualTo(MICROSOFT_HASH);
        source.commit();
        assertThat(hash(source)).as("it may have waited in the TAP").isEqualTo(MICROSOFT_HASH);
    }

    @Test
    void aFrameOfTheNewConfigurationHasTheNewHashAtOnce() {
        DeviceHashSource source = new DeviceHashSource(2);
        change(source, allTo(1, MICROSOFT_KEY));
        source.prepare(allTo(2, OTHER_KEY));
        int hash = hash(source);
        assertThat(hash).isNotEqualTo(MICROSOFT_HASH).isNotZero();
    }

    @Test
    void oldRulesAreForgottenOnceTheQueueWasEmptyAfterTheChange() {
        DeviceHashSource source = new DeviceHashSource(1);
        change(source, allTo(1, MICROSOFT_KEY));
        source.prepare(allTo(2, OTHER_KEY));
        source.queueEmpty();
        assertThat(hash(source)).as("not committed yet").isEqualTo(MICROSOFT_HASH);
        source.commit();
        source.queueEmpty();
        assertThat(hash(source)).isNotEqualTo(MICROSOFT_HASH);
    }

    /** Changes faster than the queue is read: each frame finds the rules that steered it. */
    @Test
    void severalOldConfigurationsAreTold() {
        DeviceHashSource source = new DeviceHashSource(1);
        change(source, allTo(1, MICROSOFT_KEY));
        for (int i = 0; i < 5; i++) {
            source.prepare(allTo(2 + i % 2, OTHER_KEY));
            source.commit();
        }
        assertThat(hash(source)).isEqualTo(MICROSOFT_HASH);
    }
}
