// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.NetDeviceConfig;
import dev.ringtap.virtio.net.RssConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * RSS and hash reports by the TAP itself: the four ioctls that were proposed for Linux from 2023 to 2025 ("tun: Introduce
 * virtio-net hash feature", last seen as v12) and that no released kernel has. Numbers and structures are those of the
 * proposal; who answers is {@link TapIoctl}'s matter.
 *
 * <p>The argument of {@link #TUNSETVNETRSS} and {@link #TUNSETVNETREPORTINGRSS} is, in the machine's byte order:
 *
 * <pre>
 *   struct tun_vnet_rss    0 u32 hash_types | 4 u16 indirection_table_mask | 6 u16 unclassified_queue
 *   table                  8 u16 queue, indirection_table_mask + 1 times
 *   key                    as long as the longest hash input of hash_types and 4 bytes more; here always 40 bytes
 * </pre>
 *
 * Any thread.
 */
public final class VnetHashIoctls {
    // _IOR('T', number, argument) of asm-generic/ioctl.h: direction, bytes of the argument, type, number.
    /** Answers with a mask of {@code VIRTIO_NET_HASH_TYPE_*}. */
    public static final long TUNGETVNETHASHTYPES = request(228, Integer.BYTES);
    /** Ends RSS. A mask of hash types to report, without a key: the value is the host's own flow hash. */
    public static final long TUNSETVNETREPORTINGAUTOMQ = request(229, Integer.BYTES);
    /** RSS with hash reports. */
    public static final long TUNSETVNETREPORTINGRSS = request(230, TunVnetRss.BYTES);
    /** RSS without hash reports. */
    public static final long TUNSETVNETRSS = request(231, TunVnetRss.BYTES);

    private final TapIoctl tap;

    /** @param tap whose ioctls these are */
    public VnetHashIoctls(TapIoctl tap) {
        this.tap = tap;
    }

    private static long request(int number, int argumentBytes) {
        return 2L << 30 | (long) argumentBytes << 16 | 'T' << 8 | number;
    }

    /**
     * TUNGETVNETHASHTYPES: hash types that the TAP can compute.
     *
     * @return mask of {@link dev.ringtap.virtio.net.HashType}
     * @throws NativeException {@code EINVAL} from a kernel without these ioctls
     */
    public int hashTypes() throws NativeException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment types = arena.allocate(ValueLayout.JAVA_INT);
            call("TUNGETVNETHASHTYPES", TUNGETVNETHASHTYPES, types, "cannot ask the TAP which hashes it computes");
            return types.get(ValueLayout.JAVA_INT, 0);
        }
    }

    /**
     * TUNSETVNETREPORTINGAUTOMQ: from now on automatic steering.
     *
     * @param hashTypes those to report with the host's own flow hash for a value; 0 for no reports
     */
    public void setReportingAutomq(int hashTypes) throws NativeException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment types = arena.allocateFrom(ValueLayout.JAVA_INT, hashTypes);
            call("TUNSETVNETREPORTINGAUTOMQ", TUNSETVNETREPORTINGAUTOMQ, types, "cannot set automatic steering");
        }
    }

    /** TUNSETVNETREPORTINGRSS: from now on RSS, with value and report of each hash in the 20-byte header. */
    public void setReportingRss(RssConfig rss) throws NativeException {
        setRss("TUNSETVNETREPORTINGRSS", TUNSETVNETREPORTINGRSS, rss);
    }

    /** TUNSETVNETRSS: from now on RSS, without reports. */
    public void setRss(RssConfig rss) throws NativeException {
        setRss("TUNSETVNETRSS", TUNSETVNETRSS, rss);
    }

    private void setRss(String name, long request, RssConfig rss) throws NativeException {
        try (Arena arena = Arena.ofConfined()) {
            call(
                    name,
                    request,
                    encode(rss, arena),
                    "cannot set RSS over %d entries, hash types 0x%x".formatted(rss.table().length, rss.hashTypes()));
        }
    }

    /** What the kernel reads; see the class. */
    static MemorySegment encode(RssConfig rss, Arena arena) {
        int[] table = rss.table();
        byte[] key = Arrays.copyOf(rss.key(), NetDeviceConfig.RSS_MAX_KEY_BYTES);
        long keyAt = TunVnetRss.BYTES + 2L * table.length;
        MemorySegment argument = arena.allocate(keyAt + key.length, Integer.BYTES);
        argument.set(ValueLayout.JAVA_INT, TunVnetRss.HASH_TYPES, rss.hashTypes());
        argument.set(ValueLayout.JAVA_SHORT, TunVnetRss.INDIRECTION_TABLE_MASK, (short) (table.length - 1));
        argument.set(ValueLayout.JAVA_SHORT, TunVnetRss.UNCLASSIFIED_QUEUE, (short) rss.unclassifiedQueue());
        for (int i = 0; i < table.length; i++) {
            argument.set(ValueLayout.JAVA_SHORT, TunVnetRss.BYTES + 2L * i, (short) table[i]);
        }
        MemorySegment.copy(key, 0, argument, ValueLayout.JAVA_BYTE, keyAt, key.length);
        return argument;
    }

    private void call(String name, long request, MemorySegment argument, String doing) throws NativeException {
        int result = tap.call(request, argument);
        if (result == -Errno.EINVAL && request == TUNGETVNETHASHTYPES) {
            throw new NativeException(
                    "ioctl " + name, Errno.EINVAL, "the TAP has no RSS of its own, as no released kernel's has");
        }
        NativeException.check(result, "ioctl " + name, doing);
    }
}
