// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;

/** A datagram socket of a {@link HostStack}. Any thread. */
public final class UdpEndpoint {
    private static final int HEADER_BYTES = 8;
    private static final int CHECKSUM_OFFSET = 6;
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    private static final int FRAGMENT_HEADER_BYTES = 8;
    private static final int MORE_FRAGMENTS = 0x2000;
    private static final int MOST_WAITING = 1024;

    private final HostStack stack;
    private final InetSocketAddress local;
    private final Queue<Datagram> waiting = new ArrayDeque<>();
    private int nextIdentification;

    /** A datagram that came in. */
    public record Datagram(InetSocketAddress from, InetSocketAddress to, byte[] payload) {}

    UdpEndpoint(HostStack stack, InetSocketAddress local) {
        this.stack = stack;
        this.local = local;
    }

    /** Sends a datagram; one that does not fit the MTU goes in fragments, with its checksum made first. */
    public void send(InetSocketAddress remote, byte[] payload) {
        synchronized (stack) {
            int ipBytes = ipv6(remote) ? IPV6_BYTES : IPV4_BYTES;
            if (ipBytes + HEADER_BYTES + payload.length > stack.mtu()) {
                sendFragments(remote, payload);
            } else {
                byte[] frame = partial(remote, payload);
                stack.send(HostFrame.partialChecksum(frame, start(frame, payload), CHECKSUM_OFFSET));
            }
        }
    }

    private byte[] partial(InetSocketAddress remote, byte[] payload) {
        byte[] datagram =
                Frames.udpPartial(address(local), address(remote), local.getPort(), remote.getPort(), payload);
        byte[] packet = ipv6(remote)
                ? Frames.ipv6(address(local), address(remote), Frames.PROTOCOL_UDP, datagram)
                : Frames.ipv4(address(local), address(remote), Frames.PROTOCOL_UDP, datagram);
        return stack.frame(remote.getAddress(), packet);
    }

    private static int start(byte[] frame, byte[] payload) {
        return frame.length - payload.length - HEADER_BYTES;
    }

    private void sendFragments(InetSocketAddress remote, byte[] payload) {
        byte[] datagram = Frames.udp(address(local), address(remote), local.getPort(), remote.getPort(), payload);
        int headers = ipv6(remote) ? IPV6_BYTES + FRAGMENT_HEADER_BYTES : IPV4_BYTES;
        // All but the last carry a multiple of 8 bytes. RFC 791, 3.2 and RFC 8200, 4.5.
        int most = stack.mtu() - headers & ~7;
        int identification = ++nextIdentification;
        for (int from = 0; from < datagram.length; from += most) {
            int to = Math.min(datagram.length, from + most);
            byte[] part = Arrays.copyOfRange(datagram, from, to);
            boolean more = to < datagram.length;
            byte[] packet = ipv6(remote)
                    ? Frames.ipv6(
                            address(local),
                            address(remote),
                            Frames.PROTOCOL_UDP,
                            part,
                            Frames.fragment(from, more, identification))
                    : Frames.ipv4(
                            address(local),
                            address(remote),
                            Frames.PROTOCOL_UDP,
                            identification,
                            from / 8 | (more ? MORE_FRAGMENTS : 0),
                            new byte[0],
                            part);
            stack.send(HostFrame.plain(stack.frame(remote.getAddress(), packet)));
        }
    }

    /** @param segmentBytes payload of each datagram in the packet but the last, 0 if it is one datagram */
    void received(IpView ip, int segmentBytes) {
        InetSocketAddress from = new InetSocketAddress(ip.sourceAddress(), ip.sourcePort());
        byte[] payload = ip.rest(ip.transportAt() + HEADER_BYTES);
        int step = segmentBytes == 0 ? Math.max(1, payload.length) : segmentBytes;
        int at = 0;
        do {
            byte[] part = Arrays.copyOfRange(payload, at, Math.min(payload.length, at + step));
            if (waiting.size() < MOST_WAITING) {
                waiting.add(new Datagram(from, local, part));
            }
            at += step;
        } while (at < payload.length);
    }

    /** The next datagram that came in, null if there is none. */
    public Datagram receive() {
        synchronized (stack) {
            return waiting.poll();
        }
    }

    private static boolean ipv6(InetSocketAddress end) {
        return end.getAddress().getAddress().length == 16;
    }

    private static byte[] address(InetSocketAddress end) {
        InetAddress address = end.getAddress();
        return address.getAddress();
    }
}
