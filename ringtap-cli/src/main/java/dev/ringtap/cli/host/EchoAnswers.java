// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Frames;

/** What a host says to echo requests: RFC 792 and RFC 4443, 4. */
final class EchoAnswers {
    private static final int HEADER_BYTES = 8;
    private static final int REQUEST4 = 8;
    private static final int REPLY4 = 0;
    private static final int REQUEST6 = 128;
    private static final int REPLY6 = 129;

    private final byte[] mac;

    EchoAnswers(byte[] mac) {
        this.mac = mac;
    }

    /** The reply to an echo request, null if the packet is none. Its checksum was checked before. */
    byte[] reply(IpView ip) {
        boolean six = ip.six();
        int at = ip.transportAt();
        boolean request = ip.protocol() == (six ? Frames.PROTOCOL_ICMPV6 : Frames.PROTOCOL_ICMP)
                && ip.transportBytes() >= HEADER_BYTES
                && IpView.u16(ip.frame(), at) == (six ? REQUEST6 : REQUEST4) << 8;
        if (!request) {
            return null;
        }
        int id = IpView.u16(ip.frame(), at + 4);
        int sequence = IpView.u16(ip.frame(), at + 6);
        byte[] data = ip.rest(at + HEADER_BYTES);
        byte[] to = ip.source();
        byte[] from = ip.destination();
        byte[] packet = six
                ? Frames.ipv6(from, to, Frames.PROTOCOL_ICMPV6, Frames.icmpv6Echo(from, to, REPLY6, id, sequence, data))
                : Frames.ipv4(from, to, Frames.PROTOCOL_ICMP, Frames.icmpEcho(REPLY4, id, sequence, data));
        int type = six ? Frames.ETHERTYPE_IPV6 : Frames.ETHERTYPE_IPV4;
        return Frames.ethernet(ip.sourceMac(), mac, type, packet);
    }
}
