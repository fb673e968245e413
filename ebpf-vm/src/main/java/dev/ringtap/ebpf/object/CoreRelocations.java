// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.Set;

/**
 * Relocations against the kernel's types (CO-RE, in section {@code .BTF.ext}), which are not applied here: there is
 * nothing to apply for the description of a packet and the headers in it, whose layout never changes, and everything
 * else is refused. They come with structures that are marked {@code preserve_access_index}, as all of vmlinux.h is.
 */
final class CoreRelocations {
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
    static void check(ElfFile elf, BtfTypes types, BtfExtension extension) throws BpfException {
        extension.read(BtfExtension.Table.CORE_RELOCATIONS, (section, data, at) -> {
            String type = types.nameOf(data.getInt(at + 4));
            int kind = data.getInt(at + 12);
            if (kind < 0 || kind > LAST_FIELD_KIND || !FIXED_LAYOUTS.contains(type))
                throw elf.fault("section '" + section + "': depends on how type '" + type
                        + "' is laid out in the running kernel (CO-RE); only struct __sk_buff and the headers of packets"
                        + " can be used so");
        });
    }
}
