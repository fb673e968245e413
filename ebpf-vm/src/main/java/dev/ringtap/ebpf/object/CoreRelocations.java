// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.ByteBuffer;
import java.util.Set;

/**
 * Relocations against the kernel's types (CO-RE, in section {@code .BTF.ext}), which are not applied here: there is
 * nothing to apply for the description of a packet and the headers in it, whose layout never changes, and everything
 * else is refused. They come with structures that are marked {@code preserve_access_index}, as all of vmlinux.h is.
 */
final class CoreRelocations {
    private static final int MAGIC = 0xEB9F;
    private static final int HEADER_BYTES = 32;
    private static final int RECORD_BYTES = 16;
    /** Kinds up to this one are about a field; the others ask what types and enumerators the kernel has. */
    private static final int LAST_FIELD_KIND = 5;

    private static final Set<String> FIXED_LAYOUTS = Set.of(
            "__sk_buff",
            "ethhdr",
            "vlan_hdr",
            "vlan_ethhdr",
            "arphdr",
            "iphdr",
            "ipv6hdr",
            "ipv6_opt_hdr",
            "in6_addr",
            "in_addr",
            "tcphdr",
            "udphdr",
            "sctphdr",
            "icmphdr",
            "icmp6hdr");

    private CoreRelocations() {}

    /** @throws BpfException if one needs to be applied */
    static void check(ElfFile elf, BtfTypes types) throws BpfException {
        var section = elf.section(".BTF.ext");
        if (section == null) return;
        var data = section.data();
        if (data.limit() < 8 || Short.toUnsignedInt(data.getShort(0)) != MAGIC)
            throw elf.fault(section + ": is no addition to type information");
        long header = u32(data, 4);
        if (header < HEADER_BYTES) return; // from before there were any
        if (header > data.limit()) throw elf.fault(section + ": its header is cut off");
        long at = header + u32(data, 24);
        long end = at + u32(data, 28);
        if (end > data.limit()) throw elf.fault(section + ": relocations against types lie outside the section");
        if (at == end) return;
        if (end - at < 4 || u32(data, (int) at) != RECORD_BYTES)
            throw elf.fault(section + ": relocations against types are of an unknown kind");
        at += 4;
        while (at < end) {
            if (end - at < 8) throw elf.fault(section + ": relocations against types are cut off");
            long count = u32(data, (int) at + 4);
            at += 8;
            if (count > (end - at) / RECORD_BYTES) throw elf.fault(section + ": relocations against types are cut off");
            for (; count > 0; count--, at += RECORD_BYTES) {
                String type = types.nameOf(data.getInt((int) at + 4));
                int kind = data.getInt((int) at + 12);
                if (kind < 0 || kind > LAST_FIELD_KIND || !FIXED_LAYOUTS.contains(type))
                    throw elf.fault("depends on how type '" + type + "' is laid out in the running kernel (CO-RE); only"
                            + " struct __sk_buff and the headers of packets can be used so");
            }
        }
    }

    private static long u32(ByteBuffer data, int at) {
        return Integer.toUnsignedLong(data.getInt(at));
    }
}
