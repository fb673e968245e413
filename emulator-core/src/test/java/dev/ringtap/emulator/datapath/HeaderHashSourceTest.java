// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class HeaderHashSourceTest {
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** UDP over IPv4, 192.0.2.1:7 to 192.0.2.2:9. */
    private static final byte[] UDP = HexFormat.of()
            .parseHex("020000000002020000000001080045000024000000004011b6b7c0000201c0000202"
                    + "00070009001000000102030405060708");

    private static final byte[] ARP = HexFormat.of().parseHex("ffffffffffff020000000001080600010800060400010200");
    private static final long FRONT_AT = 8;
    private static final int QUEUE = 1;

    private final MemorySegment front = MemorySegment.ofArray(new byte[32]);

    @Test
    void reportOfTheTapIsTaken() {
        HeaderHashSource source = steered(new HeaderHashSource(QUEUE), rss(7));
        header(0xCAFEBABE, HashReport.TCPV6);
        hash(source, UDP);
        assertAnswer(0xCAFEBABE, HashReport.TCPV6, source);
        assertTrue(source.settled(), "a longer look changes nothing");
    }

    @Test
    void noReportUnderRssIsNoHash() {
        HeaderHashSource source = steered(new HeaderHashSource(QUEUE), rss(7));
        header(0x1234, HashReport.NONE);
        hash(source, UDP);
        assertAnswer(0, HashReport.NONE, source);
        assertTrue(source.settled());
    }

    @Test
    void automaticSteeringWithoutReportsIsHashedHere() {
        HashRules rules = new HashRules(key(7), HashType.ALL, null);
        HeaderHashSource source = steered(new HeaderHashSource(QUEUE), rules);
        header(0, HashReport.NONE);
        hash(source, UDP);
        assertAnswer(hashOf(key(7)), HashReport.UDPV4, source);
    }

    @Test
    void frameThatWasSteeredBeforeTheTapReportedIsHashedUnderTheRulesOfItsQueue() {
        HashRules automatic = new HashRules(key(7), HashType.ALL, null);
        HeaderHashSource source = steered(new HeaderHashSource(QUEUE), automatic);
        // Under these every packet belongs on queue 0, so one on queue 1 came before them.
        HashRules next =
                new HashRules(key(9), HashType.ALL, new RssConfig(HashType.ALL, 0, new int[] {0}, 2, bytes(9)));
        source.prepare(next);
        source.commit();
        header(0, HashReport.NONE);
        hash(source, UDP);
        assertAnswer(hashOf(key(7)), HashReport.UDPV4, source);
        hash(source, ARP);
        assertAnswer(0, HashReport.NONE, source);

        source.queueEmpty();
        hash(source, UDP);
        assertAnswer(0, HashReport.NONE, source);
    }

    @Test
    void emptyQueueBeforeTheCommitEndsNothing() {
        HashRules automatic = new HashRules(key(7), HashType.ALL, null);
        HeaderHashSource source = steered(new HeaderHashSource(QUEUE), automatic);
        source.prepare(rss(9));
        source.queueEmpty();
        header(0, HashReport.NONE);
        hash(source, UDP);
        assertEquals(HashReport.UDPV4, source.report());
    }

    private static HeaderHashSource steered(HeaderHashSource source, HashRules rules) {
        source.prepare(rules);
        source.commit();
        source.queueEmpty();
        return source;
    }

    private static HashRules rss(int key) {
        return new HashRules(
                key(key), HashType.ALL, new RssConfig(HashType.ALL, QUEUE, new int[] {QUEUE}, 2, bytes(key)));
    }

    private static Toeplitz key(int seed) {
        return new Toeplitz(bytes(seed));
    }

    private static byte[] bytes(int seed) {
        byte[] key = new byte[40];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (seed * 31 + i * seed);
        }
        return key;
    }

    private static int hashOf(Toeplitz key) {
        PacketHasher hasher = new PacketHasher(key, HashType.ALL);
        hasher.hash(MemorySegment.ofArray(UDP), 0, UDP.length);
        return hasher.value();
    }

    private void header(int value, int report) {
        front.set(LE32, FRONT_AT + NetHeader.HASH_VALUE, value);
        front.set(LE16, FRONT_AT + NetHeader.HASH_REPORT, (short) report);
    }

    private void hash(HeaderHashSource source, byte[] frame) {
        source.hash(front, FRONT_AT, MemorySegment.ofArray(frame), 0, frame.length);
    }

    private static void assertAnswer(int value, int report, HashSource source) {
        assertAll(() -> assertEquals(report, source.report()), () -> assertEquals(value, source.value()));
    }
}
