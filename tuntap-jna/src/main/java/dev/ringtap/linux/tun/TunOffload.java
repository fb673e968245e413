// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import java.util.StringJoiner;

/**
 * What the reader of a TAP's queues can cope with, so that the kernel need not finish it first: TUN_F_* of
 * linux/if_tun.h, the argument of TUNSETOFFLOAD. {@link #CSUM} is the base of all others.
 */
public final class TunOffload {
    /** Checksums left to make. */
    public static final int CSUM = 0x01;
    /** TCP over IPv4 not yet cut into segments. */
    public static final int TSO4 = 0x02;
    /** TCP over IPv6 not yet cut into segments. */
    public static final int TSO6 = 0x04;
    /** Such segments with ECN bits. */
    public static final int TSO_ECN = 0x08;
    /** UDP not yet fragmented. The kernel takes the flag but has done nothing with it since Linux 4.14. */
    public static final int UFO = 0x10;
    /** UDP over IPv4 not yet cut into segments; only together with {@link #USO6}. Since Linux 6.2. */
    public static final int USO4 = 0x20;
    /** UDP over IPv6 not yet cut into segments; only together with {@link #USO4}. Since Linux 6.2. */
    public static final int USO6 = 0x40;

    private static final int KNOWN_BITS = 7;
    private static final String[] NAMES = {"CSUM", "TSO4", "TSO6", "TSO_ECN", "UFO", "USO4", "USO6"};

    private TunOffload() {}

    /** Names of the flags set, for example {@code CSUM TSO4}; {@code none} for 0. */
    public static String describe(int flags) {
        var names = new StringJoiner(" ").setEmptyValue("none");
        for (int bit = 0; bit < KNOWN_BITS; bit++) if ((flags >> bit & 1) != 0) names.add(NAMES[bit]);
        int unknown = flags >>> KNOWN_BITS << KNOWN_BITS;
        if (unknown != 0) names.add("0x" + Integer.toHexString(unknown));
        return names.toString();
    }
}
