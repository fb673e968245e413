// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.emulator.tap.VnetHashIoctls;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VnetHashTest {
    private static final int TCPV4 = 2;
    private static final int IPV4 = 1;

    private final Arena arena = Arena.ofConfined();
    private int supported = HashType.ALL;
    private VnetHash set;

    @AfterEach
    void closeArena() {
        arena.close();
    }

    @Test
    void whatOneSideWritesTheOtherUnderstands() throws NativeException {
        VnetHashIoctls ioctls = new VnetHashIoctls(this::call);
        byte[] key = new byte[40];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (i * 7);
        }
        int[] table = {3, 1, 2, 0};
        ioctls.setReportingRss(new RssConfig(HashType.ALL, 2, table, 4, key));
        VnetHash reporting = set;
        ioctls.setRss(new RssConfig(HashType.ALL, 2, table, 4, key));
        VnetHash silent = set;
        ioctls.setReportingAutomq(TCPV4);
        VnetHash automatic = set;
        ioctls.setReportingAutomq(0);
        assertAll(
                () -> assertEquals(HashType.ALL, ioctls.hashTypes()),
                () -> assertTrue(reporting.report() && reporting.rss()),
                () -> assertArrayEquals(table, reporting.table()),
                () -> assertEquals(2, reporting.unclassifiedQueue()),
                () -> assertArrayEquals(
                        new Toeplitz(key).byteTable(), reporting.key().byteTable()),
                () -> assertTrue(!silent.report() && silent.rss()),
                () -> assertTrue(automatic.report() && !automatic.rss()),
                () -> assertEquals(VnetHash.NONE, set));
    }

    @Test
    void queueIsTheTablesOrTheUnclassifiedModuloTheAttached() {
        VnetHash rss = new VnetHash(true, true, HashType.ALL, new int[] {0, 5, 2, 7}, 6, new Toeplitz(new byte[40]));
        assertAll(
                () -> assertEquals(5, rss.queue(0xFFFF_FFFD, HashReport.TCPV4, 8)),
                () -> assertEquals(1, rss.queue(0xFFFF_FFFD, HashReport.TCPV4, 4)),
                () -> assertEquals(3, rss.queue(3, HashReport.IPV6, 4)),
                () -> assertEquals(6, rss.queue(0, HashReport.NONE, 8)),
                () -> assertEquals(2, rss.queue(0, HashReport.NONE, 4)));
    }

    @Test
    void maskThatIsNoPowerOfTwoLessOneIsInvalid() {
        for (int mask : new int[] {2, 4, 5, 6, 126, 0x7FFE, 0xFFFE}) {
            assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETRSS, rss(IPV4, mask, mask + 1, 40)), "" + mask);
        }
        for (int mask : new int[] {0, 1, 3, 127, 511, 0xFFFF}) {
            assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(IPV4, mask, mask + 1, 40)), "" + mask);
            assertEquals(mask + 1, set.table().length);
        }
    }

    @Test
    void unknownHashTypesAreInvalid() {
        assertAll(
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETRSS, rss(0x200, 0, 1, 40))),
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETREPORTINGRSS, rss(1 << 31, 0, 1, 40))),
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETREPORTINGAUTOMQ, word(0x200))),
                () -> assertNull(set, "a refused call must set nothing"));
    }

    @Test
    void typesThatTheTapDoesNotComputeAreInvalid() throws NativeException {
        supported = EmulatedTap.Options.DISSECTOR_HASH_TYPES;
        assertEquals(0x3F, new VnetHashIoctls(this::call).hashTypes());
        assertAll(
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(0x3F, 0, 1, 40))),
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETRSS, rss(0x40, 0, 1, 40))),
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETREPORTINGRSS, rss(0x1FF, 0, 1, 40))),
                () -> assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETREPORTINGAUTOMQ, word(0x80))));
    }

    @Test
    void argumentShorterThanItSaysIsAFault() {
        assertAll(
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNGETVNETHASHTYPES, arena.allocate(3))),
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETREPORTINGAUTOMQ, arena.allocate(3))),
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, arena.allocate(7))),
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, rss(IPV4, 3, 3, 0))),
                () -> assertNull(set));
    }

    @Test
    void keyIsAsLongAsTheEnabledTypesNeed() {
        assertAll(
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(0, 0, 1, 0))),
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, rss(IPV4, 0, 1, 11))),
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(IPV4, 0, 1, 12))),
                () -> assertEquals(-Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, rss(TCPV4, 0, 1, 15))),
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(TCPV4, 0, 1, 16))),
                () -> assertEquals(
                        -Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, rss(HashType.IPV6.mask(), 0, 1, 35))),
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(HashType.IP_EX.mask(), 0, 1, 36))),
                () -> assertEquals(
                        -Errno.EFAULT, call(VnetHashIoctls.TUNSETVNETRSS, rss(HashType.UDP_EX.mask(), 0, 1, 39))),
                () -> assertEquals(0, call(VnetHashIoctls.TUNSETVNETRSS, rss(HashType.UDPV6.mask(), 0, 1, 40))));
    }

    @Test
    void otherRequestsAreInvalid() {
        assertEquals(-Errno.EINVAL, call(VnetHashIoctls.TUNSETVNETRSS + 1, arena.allocate(64)));
    }

    private int call(long request, MemorySegment argument) {
        return VnetHash.ioctl(request, argument, supported, next -> set = next);
    }

    private MemorySegment word(int value) {
        return arena.allocateFrom(ValueLayout.JAVA_INT, value);
    }

    private MemorySegment rss(int types, int mask, int entries, int keyBytes) {
        MemorySegment argument = arena.allocate(8 + 2L * entries + keyBytes, 4);
        argument.set(ValueLayout.JAVA_INT, 0, types);
        argument.set(ValueLayout.JAVA_SHORT, 4, (short) mask);
        return argument;
    }
}
