// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** The frame header as helpers need it. */
final class Ethernet {
    static final int HEADER_BYTES = 14;
    static final int TYPE = 12;
    static final int VLAN_TAG_BYTES = 4;
    static final int VLAN = 0x8100;
    static final int SERVICE_VLAN = 0x88A8;
    static final int IPV4 = 0x0800;
    static final int IPV6 = 0x86DD;

    private Ethernet() {}

    static int type(byte[] bytes, int frameOffset) {
        return (bytes[frameOffset + TYPE] & 0xFF) << 8 | bytes[frameOffset + TYPE + 1] & 0xFF;
    }

    static boolean isVlan(int type) {
        return type == VLAN || type == SERVICE_VLAN;
    }
}
