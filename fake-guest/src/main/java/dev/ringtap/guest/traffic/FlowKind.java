// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static dev.ringtap.guest.traffic.Frames.HEADER_DESTINATION_OPTIONS;
import static dev.ringtap.guest.traffic.Frames.HEADER_HOP_BY_HOP;
import static dev.ringtap.guest.traffic.Frames.PROTOCOL_NONE;
import static dev.ringtap.guest.traffic.Frames.PROTOCOL_SCTP;
import static dev.ringtap.guest.traffic.Frames.PROTOCOL_TCP;
import static dev.ringtap.guest.traffic.Frames.PROTOCOL_UDP;
import static dev.ringtap.guest.traffic.Frames.TPID_CUSTOMER;
import static dev.ringtap.guest.traffic.Frames.TPID_SERVICE;

import dev.ringtap.guest.traffic.Frames.Extension;
import java.util.Arrays;

/**
 * Every kind of flow there is: what sends it, how many of a thousand flows are of it, and how its frames are made where
 * no host socket makes them.
 */
public enum FlowKind {
    UDP4("UDP, IPv4", Carrier.UDP_SOCKET, 150),
    UDP6("UDP, IPv6", Carrier.UDP_SOCKET, 150),
    TCP4("TCP, IPv4", Carrier.TCP_SOCKET, 60),
    TCP6("TCP, IPv6", Carrier.TCP_SOCKET, 60),
    FRAGMENTED4("UDP in fragments, IPv4", Carrier.UDP_SOCKET, 25),
    FRAGMENTED6("UDP in fragments, IPv6", Carrier.UDP_SOCKET, 25),
    ECHO4("ICMP echo reply", Carrier.ECHO, 20),
    ECHO6("ICMPv6 echo reply", Carrier.ECHO, 20),

    TCP4_RAW("TCP segment, IPv4", 30, (f, n) -> f.ipv4(PROTOCOL_TCP, f.tcp(n))),
    TCP4_OPTIONS("TCP, IPv4 options", 12, (f, n) -> f.ipv4(PROTOCOL_TCP, f.timestampOption(n), f.tcp(n))),
    UDP4_OPTIONS("UDP, IPv4 options", 12, (f, n) -> f.ipv4(PROTOCOL_UDP, f.timestampOption(n), f.udp(n))),
    TCP4_SHORT("TCP header cut short, IPv4", 6, (f, n) -> f.ipv4(PROTOCOL_TCP, f.cutTcp(n))),
    PROTOCOL4("SCTP, IPv4", 16, (f, n) -> f.ipv4(PROTOCOL_SCTP, f.data(n))),
    FIRST_FRAGMENT4("first fragment, IPv4", 12, (f, n) -> f.fragment4(n, 0x2000, f.udp(n))),
    MIDDLE_FRAGMENT4("middle fragment, IPv4", 12, (f, n) -> f.fragment4(n, 0x2000 | 185, f.data(n))),
    LAST_FRAGMENT4("last fragment, IPv4", 12, (f, n) -> f.fragment4(n, 370, f.data(n))),
    VLAN_UDP4("VLAN, UDP, IPv4", 16, (f, n) -> f.tagged(f.ipv4(PROTOCOL_UDP, f.udp(n)), TPID_CUSTOMER)),
    VLAN_TCP4("VLAN, TCP, IPv4", 16, (f, n) -> f.tagged(f.ipv4(PROTOCOL_TCP, f.tcp(n)), TPID_CUSTOMER)),
    QINQ_UDP4(
            "two VLANs, UDP, IPv4",
            12,
            (f, n) -> f.tagged(f.ipv4(PROTOCOL_UDP, f.udp(n)), TPID_SERVICE, TPID_CUSTOMER)),
    QINQ_TCP4(
            "two VLANs, TCP, IPv4",
            12,
            (f, n) -> f.tagged(f.ipv4(PROTOCOL_TCP, f.tcp(n)), TPID_CUSTOMER, TPID_CUSTOMER)),

    TCP6_RAW("TCP segment, IPv6", 30, (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n))),
    PROTOCOL6("SCTP, IPv6", 16, (f, n) -> f.ipv6(PROTOCOL_SCTP, f.data(n))),
    NO_NEXT_HEADER6("no next header, IPv6", 8, (f, n) -> f.ipv6(PROTOCOL_NONE, f.data(n))),
    HOP_BY_HOP_UDP6(
            "hop-by-hop options, UDP, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), Frames.options(HEADER_HOP_BY_HOP, Frames.padN(6)))),
    OPTIONS_TCP6(
            "destination options, TCP, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), Frames.options(HEADER_DESTINATION_OPTIONS, Frames.padN(30)))),
    ROUTING_UDP6(
            "routing type 4, UDP, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), Frames.routing(4, 0, f.routed()))),
    AUTHENTICATED_TCP6(
            "authentication header, TCP, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), Frames.authentication(f.id(), n))),
    TWELVE_HEADERS_UDP6("12 extension headers, UDP, IPv6", 6, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), hopByHop(12))),
    THIRTEEN_HEADERS_UDP6("13 extension headers, IPv6", 6, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), hopByHop(13))),
    ATOMIC_UDP6(
            "atomic fragment, UDP, IPv6",
            10,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), Frames.fragment(0, false, f.packetId(n)))),
    ATOMIC_TCP6(
            "atomic fragment, TCP, IPv6",
            10,
            (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), Frames.fragment(0, false, f.packetId(n)))),
    FIRST_FRAGMENT6(
            "first fragment, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), Frames.fragment(0, true, f.packetId(n)))),
    MIDDLE_FRAGMENT6(
            "middle fragment, IPv6",
            12,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.data(n), Frames.fragment(1480, true, f.packetId(n)))),
    VLAN_UDP6("VLAN, UDP, IPv6", 12, (f, n) -> f.tagged(f.ipv6(PROTOCOL_UDP, f.udp(n)), TPID_CUSTOMER)),
    QINQ_TCP6(
            "two VLANs, TCP, IPv6",
            12,
            (f, n) -> f.tagged(f.ipv6(PROTOCOL_TCP, f.tcp(n)), TPID_SERVICE, TPID_CUSTOMER)),

    HOME_TCP6("home address, TCP", 16, (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), home(f))),
    HOME_UDP6("home address, UDP", 16, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), home(f))),
    HOME_ONLY6("home address, SCTP", 12, (f, n) -> f.ipv6(PROTOCOL_SCTP, f.data(n), home(f))),
    ROUTED_TCP6("routing type 2, TCP", 16, (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), routed(f))),
    ROUTED_UDP6("routing type 2, UDP", 16, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), routed(f))),
    ROUTED_ONLY6("routing type 2, SCTP", 12, (f, n) -> f.ipv6(PROTOCOL_SCTP, f.data(n), routed(f))),
    MOBILE_TCP6("both addresses, TCP", 12, (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), routed(f), home(f))),
    MOBILE_UDP6("both addresses, UDP", 12, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), routed(f), home(f))),
    MOBILE_FRAGMENT6(
            "both addresses, first fragment",
            10,
            (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), routed(f), home(f), Frames.fragment(0, true, f.packetId(n)))),
    MOBILE_ATOMIC_TCP6(
            "home address, atomic fragment, TCP",
            8,
            (f, n) -> f.ipv6(PROTOCOL_TCP, f.tcp(n), home(f), Frames.fragment(0, false, f.packetId(n)))),
    VLAN_MOBILE_UDP6(
            "VLAN, home address, UDP", 8, (f, n) -> f.tagged(f.ipv6(PROTOCOL_UDP, f.udp(n), home(f)), TPID_CUSTOMER)),
    HOME_AS_32ND_UDP6("home address as 32nd option", 6, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), homeAfter(f, 31))),
    HOME_AS_33RD_UDP6("home address as 33rd option", 6, (f, n) -> f.ipv6(PROTOCOL_UDP, f.udp(n), homeAfter(f, 32))),

    ARP("ARP request", 12, (f, n) -> f.oddFrame(n, Frames.ETHERTYPE_ARP, f.arp(n))),
    ETHERTYPE("other EtherType", 10, (f, n) -> f.oddFrame(n, 0x88B6, f.data(n))),
    LLC("LLC", 6, (f, n) -> f.oddFrame(n, f.data(n).length, f.data(n))),
    VLAN_ARP("VLAN, ARP request", 6, (f, n) -> f.tagged(f.oddFrame(n, Frames.ETHERTYPE_ARP, f.arp(n)), TPID_CUSTOMER)),
    THREE_VLANS(
            "three VLANs, UDP, IPv4",
            6,
            (f, n) -> f.tagged(f.ipv4(PROTOCOL_UDP, f.udp(n)), TPID_SERVICE, TPID_CUSTOMER, TPID_CUSTOMER)),
    HEADER_CUT4("IPv4 header cut short", 6, (f, n) -> Arrays.copyOf(f.ipv4(n, PROTOCOL_UDP, f.udp(n)), 14 + 19)),
    HEADER_CUT6("IPv6 header cut short", 6, (f, n) -> Arrays.copyOf(f.ipv6(n, PROTOCOL_UDP, f.udp(n)), 14 + 39)),
    WRONG_VERSION4("version 5 in IPv4", 6, (f, n) -> withVersion(f.ipv4(PROTOCOL_UDP, f.udp(n)), 0x55)),
    MAC_HEADER_ONLY("nothing behind the EtherType", 4, (f, n) -> f.oddFrame(n, Frames.ETHERTYPE_IPV4, new byte[0]));

    /** What brings a flow's packets to the TAP. */
    public enum Carrier {
        /** A datagram socket of the host. */
        UDP_SOCKET,
        /** A connection of the host's TCP to the guest. */
        TCP_SOCKET,
        /** The host's answer to the guest's echo request. */
        ECHO,
        /** A ready-made frame through a packet socket. */
        RAW
    }

    @FunctionalInterface
    interface Shape {
        byte[] frame(Flow flow, int sequence);
    }

    private final String label;
    private final Carrier carrier;
    private final int weight;
    private final Shape shape;

    FlowKind(String label, Carrier carrier, int weight) {
        this(label, carrier, weight, (f, n) -> {
            throw new IllegalStateException(label + " is made by the kernel");
        });
    }

    FlowKind(String label, int weight, Shape shape) {
        this(label, Carrier.RAW, weight, shape);
    }

    FlowKind(String label, Carrier carrier, int weight, Shape shape) {
        this.label = label;
        this.carrier = carrier;
        this.weight = weight;
        this.shape = shape;
    }

    public String label() {
        return label;
    }

    public Carrier carrier() {
        return carrier;
    }

    int weight() {
        return weight;
    }

    Shape shape() {
        return shape;
    }

    /** Whether the flow's datagrams are larger than the MTU. */
    public boolean fragmented() {
        return this == FRAGMENTED4 || this == FRAGMENTED6;
    }

    private static Extension[] hopByHop(int count) {
        Extension[] extensions = new Extension[count];
        Arrays.fill(extensions, Frames.options(HEADER_HOP_BY_HOP));
        return extensions;
    }

    private static Extension home(Flow flow) {
        return Frames.options(HEADER_DESTINATION_OPTIONS, Frames.padN(4), Frames.homeAddress(flow.home()));
    }

    private static Extension homeAfter(Flow flow, int pads) {
        return Frames.options(HEADER_DESTINATION_OPTIONS, new byte[pads], Frames.homeAddress(flow.home()));
    }

    private static Extension routed(Flow flow) {
        return Frames.routing(2, 1, flow.routed());
    }

    private static byte[] withVersion(byte[] frame, int versionAndLength) {
        frame[Frames.MAC_HEADER_BYTES] = (byte) versionAndLength;
        return frame;
    }
}
