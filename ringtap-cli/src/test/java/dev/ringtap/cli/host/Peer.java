// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/** The other side of a link, played by a test: sees what the host sends, and sends what the test says. */
final class Peer {
    static final byte[] HOST_MAC = {2, 0, 0, 0, 0, 1};
    static final byte[] MAC = {2, 0, 0, 0, 0, 2};
    static final int MTU = 1500;
    static final byte[] HOST4 = {10, 0, 0, 1};
    static final byte[] GUEST4 = {10, 0, 0, 2};
    static final byte[] HOST6 = address6(1);
    static final byte[] GUEST6 = address6(2);

    final List<HostFrame> sent = new ArrayList<>();
    final HostStack stack;
    long nowNs = Long.MAX_VALUE - 1_000_000_000;

    Peer() throws Exception {
        List<InetAddress> addresses = List.of(InetAddress.getByAddress(HOST4), InetAddress.getByAddress(HOST6));
        stack = new HostStack(HOST_MAC, MTU, addresses, sent::add, () -> nowNs);
        stack.addNeighbour(InetAddress.getByAddress(GUEST4), MAC);
        stack.addNeighbour(InetAddress.getByAddress(GUEST6), MAC);
    }

    static byte[] host(boolean six) {
        return six ? HOST6 : HOST4;
    }

    static byte[] guest(boolean six) {
        return six ? GUEST6 : GUEST4;
    }

    /** The frame with this IP payload from the guest to the host. */
    static byte[] toHost(boolean six, int protocol, byte[] payload) {
        return six
                ? Frames.ethernet(HOST_MAC, MAC, Frames.ETHERTYPE_IPV6, Frames.ipv6(GUEST6, HOST6, protocol, payload))
                : Frames.ethernet(HOST_MAC, MAC, Frames.ETHERTYPE_IPV4, Frames.ipv4(GUEST4, HOST4, protocol, payload));
    }

    /** What the host sent since the last call. */
    List<HostFrame> take() {
        List<HostFrame> taken = List.copyOf(sent);
        sent.clear();
        return taken;
    }

    private static byte[] address6(int last) {
        byte[] address = new byte[16];
        address[0] = (byte) 0xFD;
        address[15] = (byte) last;
        return address;
    }
}
