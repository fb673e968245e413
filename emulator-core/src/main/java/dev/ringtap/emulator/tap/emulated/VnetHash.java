// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.emulator.tap.TunVnetRss;
import dev.ringtap.emulator.tap.VnetHashIoctls;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;

/**
 * What the four ioctls of {@link VnetHashIoctls} put in force on an emulated TAP: the kernel's side of them. Immutable.
 *
 * <p>Checks go further than the proposal's, which trusted mask and types: an argument that no driver could mean is
 * {@code EINVAL}, one that is shorter than it says {@code EFAULT}. What is hashed follows {@code docs/hash-rules.md}, where
 * the proposal asked the kernel's flow dissector; so there can be the three *_EX types, which that does not know.
 *
 * @param report whether hashes go into the header
 * @param rss whether RSS steers, rather than automatic steering
 * @param hashTypes mask of hash types
 * @param table queues by the low bits of the hash; empty without RSS. Not to be changed
 * @param unclassifiedQueue queue of a packet without a hash
 * @param key the hash function, null without RSS
 */
record VnetHash(boolean report, boolean rss, int hashTypes, int[] table, int unclassifiedQueue, Toeplitz key) {
    /** Automatic steering, nothing reported. */
    static final VnetHash NONE = new VnetHash(false, false, 0, new int[0], 0, null);

    /**
     * The ioctl entry.
     *
     * @param argument memory from the caller's pointer to the end of what may be read
     * @param supported hash types that the TAP computes
     * @param target gets what was set; not called on failure
     * @return 0 or a negated errno; {@code EINVAL} for a request that is none of the four
     */
    static int ioctl(long request, MemorySegment argument, int supported, Consumer<VnetHash> target) {
        if (request == VnetHashIoctls.TUNGETVNETHASHTYPES) {
            if (argument.byteSize() < Integer.BYTES) {
                return -Errno.EFAULT;
            }
            argument.set(ValueLayout.JAVA_INT_UNALIGNED, 0, supported);
            return 0;
        }
        if (request == VnetHashIoctls.TUNSETVNETREPORTINGAUTOMQ) {
            return setAutomq(argument, supported, target);
        }
        if (request == VnetHashIoctls.TUNSETVNETREPORTINGRSS || request == VnetHashIoctls.TUNSETVNETRSS) {
            return setRss(argument, request == VnetHashIoctls.TUNSETVNETREPORTINGRSS, supported, target);
        }
        return -Errno.EINVAL;
    }

    private static int setAutomq(MemorySegment argument, int supported, Consumer<VnetHash> target) {
        if (argument.byteSize() < Integer.BYTES) {
            return -Errno.EFAULT;
        }
        int types = argument.get(ValueLayout.JAVA_INT_UNALIGNED, 0);
        if ((types & ~supported) != 0) {
            return -Errno.EINVAL;
        }
        target.accept(types == 0 ? NONE : new VnetHash(true, false, types, NONE.table, 0, null));
        return 0;
    }

    private static int setRss(MemorySegment argument, boolean report, int supported, Consumer<VnetHash> target) {
        if (argument.byteSize() < TunVnetRss.BYTES) {
            return -Errno.EFAULT;
        }
        int types = argument.get(ValueLayout.JAVA_INT_UNALIGNED, TunVnetRss.HASH_TYPES);
        int mask = u16(argument, TunVnetRss.INDIRECTION_TABLE_MASK);
        if ((types & ~supported) != 0 || (mask & mask + 1) != 0) {
            return -Errno.EINVAL;
        }
        int entries = mask + 1;
        long keyAt = TunVnetRss.BYTES + 2L * entries;
        int keyBytes = keyBytes(types);
        if (argument.byteSize() < keyAt + keyBytes) {
            return -Errno.EFAULT;
        }
        int[] table = new int[entries];
        for (int i = 0; i < entries; i++) {
            table[i] = u16(argument, TunVnetRss.BYTES + 2L * i);
        }
        byte[] key = argument.asSlice(keyAt, keyBytes).toArray(ValueLayout.JAVA_BYTE);
        int unclassified = u16(argument, TunVnetRss.UNCLASSIFIED_QUEUE);
        target.accept(new VnetHash(report, true, types, table, unclassified, new Toeplitz(key)));
        return 0;
    }

    private static int u16(MemorySegment argument, long at) {
        return Short.toUnsignedInt(argument.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
    }

    /** A key is a 32-bit window that slides over the input, so it is 4 bytes longer than the longest input. */
    private static int keyBytes(int types) {
        int addresses4 = 2 * 4;
        int addresses6 = 2 * 16;
        int ports = 2 * 2;
        int input = 0;
        if (HashType.IPV4.in(types)) {
            input = addresses4;
        }
        if (HashType.TCPV4.in(types) || HashType.UDPV4.in(types)) {
            input = addresses4 + ports;
        }
        if (HashType.IPV6.in(types) || HashType.IP_EX.in(types)) {
            input = addresses6;
        }
        int transport6 =
                HashType.TCPV6.mask() | HashType.UDPV6.mask() | HashType.TCP_EX.mask() | HashType.UDP_EX.mask();
        if ((types & transport6) != 0) {
            input = addresses6 + ports;
        }
        return input == 0 ? 0 : Math.min(input + 4, NetDeviceConfig.RSS_MAX_KEY_BYTES);
    }

    /**
     * Queue of a packet under RSS.
     *
     * @param value the packet's hash
     * @param report what it covers; 0 for an unclassified packet
     * @param queues attached queues, 1 or more
     */
    int queue(int value, int report, int queues) {
        int queue = report == HashReport.NONE ? unclassifiedQueue : table[value & table.length - 1];
        return queue % queues;
    }
}
