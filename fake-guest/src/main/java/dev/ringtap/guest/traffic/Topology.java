// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import java.util.ArrayList;
import java.util.List;

/**
 * Who talks to whom: several addresses on either side of the TAP, so that the address hashes spread too.
 *
 * <p>IPv4 from the range set aside for tests of network devices (RFC 2544, C.2.2), IPv6 from a unique local prefix.
 *
 * @param hostMac the TAP's own address
 * @param guestMac the virtio-net device's address
 */
public record Topology(
        byte[] hostMac,
        byte[] guestMac,
        List<byte[]> host4,
        List<byte[]> guest4,
        List<byte[]> host6,
        List<byte[]> guest6) {
    public static final int PREFIX4 = 15;
    public static final int PREFIX6 = 64;

    private static final int HOST_ADDRESSES = 4;
    private static final int GUEST_ADDRESSES = 8;
    private static final byte[] UNIQUE_LOCAL = {(byte) 0xFD, 0x72};

    public static Topology of(byte[] hostMac, byte[] guestMac) {
        return new Topology(
                hostMac.clone(),
                guestMac.clone(),
                addresses4(18, HOST_ADDRESSES),
                addresses4(19, GUEST_ADDRESSES),
                addresses6(1, HOST_ADDRESSES),
                addresses6(2, GUEST_ADDRESSES));
    }

    private static List<byte[]> addresses4(int second, int count) {
        List<byte[]> addresses = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            addresses.add(new byte[] {(byte) 198, (byte) second, (byte) (i * 7), (byte) i});
        }
        return List.copyOf(addresses);
    }

    private static List<byte[]> addresses6(int side, int count) {
        List<byte[]> addresses = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            byte[] address = new byte[16];
            System.arraycopy(UNIQUE_LOCAL, 0, address, 0, UNIQUE_LOCAL.length);
            address[13] = (byte) side;
            address[14] = (byte) (i * 29);
            address[15] = (byte) i;
            addresses.add(address);
        }
        return List.copyOf(addresses);
    }
}
