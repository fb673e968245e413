// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Frames;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * A host with one interface. It answers ARP, neighbour solicitations and echo requests for its addresses, and carries
 * datagrams and TCP connections of its own. What it sends leaves the transport checksum to the link, and cutting into
 * segments, too; of what comes in it checks both.
 *
 * <p>Any thread; one lock guards it all, and frames are sent while it is held.
 */
public final class HostStack {
    /** Frames of no protocol it knows that wait to be taken; what comes after them is dropped. */
    private static final int MOST_UNCLAIMED = 1024;

    private final byte[] mac;
    private final int mtu;
    private final Set<InetAddress> addresses;
    private final HostLink link;
    private final LongSupplier clockNs;
    private final NeighbourAnswers neighbourAnswers;
    private final EchoAnswers echoAnswers;
    private final Map<InetAddress, byte[]> neighbours = new HashMap<>();
    private final Map<InetSocketAddress, UdpEndpoint> datagramEnds = new HashMap<>();
    private final Map<TcpConnection.Ends, TcpConnection> connections = new HashMap<>();
    private final Queue<byte[]> unclaimed = new ArrayDeque<>();
    private long refused;
    private String lastRefusal;

    /**
     * @param mac of its interface
     * @param mtu of its interface, in bytes
     * @param addresses it answers for
     * @param link takes its frames
     */
    public HostStack(byte[] mac, int mtu, Collection<InetAddress> addresses, HostLink link) {
        this(mac, mtu, addresses, link, System::nanoTime);
    }

    HostStack(byte[] mac, int mtu, Collection<InetAddress> addresses, HostLink link, LongSupplier clockNs) {
        this.mac = mac.clone();
        this.mtu = mtu;
        this.addresses = new HashSet<>(addresses);
        this.link = link;
        this.clockNs = clockNs;
        neighbourAnswers = new NeighbourAnswers(this.mac, this.addresses);
        echoAnswers = new EchoAnswers(this.mac);
    }

    /** Says which MAC address another host's address has: this host never asks. */
    public synchronized void addNeighbour(InetAddress address, byte[] neighbourMac) {
        neighbours.put(address, neighbourMac.clone());
    }

    /** The datagram socket of a local address and port, made if there is none. */
    public synchronized UdpEndpoint udp(InetSocketAddress local) {
        return datagramEnds.computeIfAbsent(local, end -> new UdpEndpoint(this, end));
    }

    /**
     * Opens a connection; {@link TcpConnection#awaitOpen} tells when the other side has accepted.
     *
     * @throws IllegalArgumentException if these ends have one already, or the neighbour is not known
     */
    public synchronized TcpConnection connect(InetSocketAddress local, InetSocketAddress remote) {
        TcpConnection.Ends ends = new TcpConnection.Ends(local, remote);
        if (connections.containsKey(ends)) {
            throw new IllegalArgumentException("there is a connection " + ends);
        }
        TcpConnection connection = new TcpConnection(this, ends);
        connections.put(ends, connection);
        connection.open();
        return connection;
    }

    /** Sends a frame as it is. */
    public void send(HostFrame frame) {
        link.send(frame);
    }

    /** A frame came in. */
    public synchronized void received(HostFrame frame) {
        byte[] bytes = frame.bytes();
        boolean ours = bytes.length >= Frames.MAC_HEADER_BYTES
                && ((bytes[0] & 1) != 0 || Arrays.equals(bytes, 0, mac.length, mac, 0, mac.length));
        if (!ours) {
            return;
        }
        byte[] arpReply = neighbourAnswers.arpReply(bytes);
        if (arpReply != null) {
            send(HostFrame.plain(arpReply));
            return;
        }
        IpView ip = IpView.of(bytes);
        if (ip != null) {
            received(frame, ip);
        } else if (unclaimed.size() < MOST_UNCLAIMED) {
            unclaimed.add(bytes);
        }
    }

    private void received(HostFrame frame, IpView ip) {
        InetAddress destination = ip.destinationAddress();
        if (!addresses.contains(destination) && !destination.isMulticastAddress()) {
            return;
        }
        if (ip.fragment()) {
            refuse("a fragment: nothing here puts them together");
            return;
        }
        String problem = ArrivalCheck.problem(frame, ip);
        if (problem != null) {
            refuse(problem);
            return;
        }
        switch (ip.protocol()) {
            case Frames.PROTOCOL_ICMP, Frames.PROTOCOL_ICMPV6 -> receivedControl(ip);
            case Frames.PROTOCOL_UDP -> receivedDatagram(frame, ip);
            case Frames.PROTOCOL_TCP -> receivedSegment(ip);
            default -> {
                // No socket for it.
            }
        }
    }

    private void receivedControl(IpView ip) {
        byte[] answer = neighbourAnswers.advertisement(ip);
        if (answer == null && !ip.destinationAddress().isMulticastAddress()) {
            answer = echoAnswers.reply(ip);
        }
        if (answer != null) {
            send(HostFrame.plain(answer));
        }
    }

    private void receivedDatagram(HostFrame frame, IpView ip) {
        UdpEndpoint end = datagramEnds.get(new InetSocketAddress(ip.destinationAddress(), ip.destinationPort()));
        if (end != null) {
            end.received(ip, frame.gsoType() == HostFrame.GSO_NONE ? 0 : frame.segmentBytes());
        }
    }

    private void receivedSegment(IpView ip) {
        TcpConnection connection = connections.get(new TcpConnection.Ends(
                new InetSocketAddress(ip.destinationAddress(), ip.destinationPort()),
                new InetSocketAddress(ip.sourceAddress(), ip.sourcePort())));
        if (connection != null) {
            connection.received(ip);
        }
    }

    private void refuse(String problem) {
        refused++;
        lastRefusal = problem;
    }

    /** The next frame that came in and is of no protocol known here, null if there is none. */
    public synchronized byte[] takeUnclaimed() {
        return unclaimed.poll();
    }

    /** How many packets to its addresses were thrown away as broken. */
    public synchronized long refused() {
        return refused;
    }

    /** What was wrong with the last one, null if there was none. */
    public synchronized String lastRefusal() {
        return lastRefusal;
    }

    /** Repeats what has waited too long for its acknowledgment. To be called ten times a second or so. */
    public synchronized void tick() {
        connections.values().forEach(TcpConnection::tick);
    }

    int mtu() {
        return mtu;
    }

    long nowNs() {
        return clockNs.getAsLong();
    }

    /** The Ethernet frame around an IP packet to a neighbour. */
    byte[] frame(InetAddress destination, byte[] packet) {
        byte[] neighbour = neighbours.get(destination);
        if (neighbour == null) {
            throw new IllegalArgumentException("no neighbour has the address " + destination.getHostAddress());
        }
        int type = destination.getAddress().length == 16 ? Frames.ETHERTYPE_IPV6 : Frames.ETHERTYPE_IPV4;
        return Frames.ethernet(neighbour, mac, type, packet);
    }
}
