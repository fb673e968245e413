// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;

/**
 * The settings of one network interface, by rtnetlink. It is held by its index, so it stays the same interface when it
 * is renamed.
 *
 * <p>Open it inside the interface's network namespace; then any thread may use it, but for the methods that go through
 * /proc/sys and say so. To read needs no privilege, to change needs CAP_NET_ADMIN in that namespace.
 */
public final class LinkConfig implements AutoCloseable {
    /** Longest name of an interface, without the terminating zero; IFNAMSIZ of linux/if.h. */
    public static final int MAX_NAME_BYTES = 15;

    private static final Path OWN_NAMESPACE = Path.of("/proc/thread-self/ns/net");

    private static final int IFLA_ADDRESS = 1;
    private static final int IFLA_MTU = 4;
    private static final int IFLA_TXQLEN = 13;
    private static final int IFLA_AF_SPEC = 26;
    private static final int IFLA_INET6_ADDR_GEN_MODE = 8;
    private static final int IN6_ADDR_GEN_MODE_NONE = 1;

    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_FLAGS = 8;
    private static final int IFA_F_NODAD = 2;

    private static final int NDA_DST = 1;
    private static final int NDA_LLADDR = 2;
    private static final int NUD_PERMANENT = 0x80;

    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RTA_GATEWAY = 5;
    private static final int RT_SCOPE_UNIVERSE = 0;
    private static final int RT_SCOPE_LINK = 253;

    private static final int ACK = NetlinkRequest.NLM_F_ACK;
    private static final int CREATE_OR_REPLACE = ACK | NetlinkRequest.NLM_F_CREATE | NetlinkRequest.NLM_F_REPLACE;

    private final Rtnetlink netlink;
    private final String name;
    private final int index;
    private final Path namespace;

    private LinkConfig(Rtnetlink netlink, String name, int index, Path namespace) {
        this.netlink = netlink;
        this.name = name;
        this.index = index;
        this.namespace = namespace;
    }

    /**
     * Opens the settings of an interface of the calling thread's network namespace.
     *
     * @throws NativeException ENODEV if there is none of that name
     */
    public static LinkConfig open(String name) throws NativeException {
        var netlink = Rtnetlink.open();
        try {
            var info = LinkInfo.find(netlink, 0, name);
            if (info == null)
                throw new NativeException("rtnetlink RTM_GETLINK", Errno.ENODEV, "cannot find the interface " + name);
            return new LinkConfig(netlink, info.name(), info.index(), Files.readSymbolicLink(OWN_NAMESPACE));
        } catch (NativeException e) {
            netlink.close();
            throw e;
        } catch (IOException e) {
            netlink.close();
            throw new IllegalStateException("cannot tell the network namespace of this thread", e);
        }
    }

    /** Whether there is an interface of that name in the calling thread's network namespace. */
    public static boolean exists(String name) throws NativeException {
        return LinkInfo.find(name) != null;
    }

    /** The name it had when this was opened. */
    public String name() {
        return name;
    }

    /** The interface's number in its namespace, as packet sockets take it. */
    public int index() {
        return index;
    }

    /**
     * Everything about the interface, now.
     *
     * @throws NativeException ENODEV if the interface is gone
     */
    public LinkInfo info() throws NativeException {
        var info = LinkInfo.find(netlink, index, name);
        if (info == null)
            throw new NativeException("rtnetlink RTM_GETLINK", Errno.ENODEV, "cannot look up the interface " + name);
        return info;
    }

    /** Bytes a packet may have above the Ethernet header. */
    public int mtu() throws NativeException {
        return info().mtu();
    }

    /** Address of 6 bytes. */
    public byte[] mac() throws NativeException {
        return info().mac();
    }

    /** Whether it is set up and has a carrier. */
    public boolean running() throws NativeException {
        return info().running();
    }

    public void setUp(boolean up) throws NativeException {
        int flag = LinkInfo.IFF_UP;
        var request = NetlinkRequest.link(NetlinkRequest.RTM_NEWLINK, ACK, index, up ? flag : 0, flag);
        changeLink(request, "set the interface " + name + (up ? " up" : " down"));
    }

    public void setMtu(int mtuBytes) throws NativeException {
        changeLink(newLink().attribute(IFLA_MTU, mtuBytes), "give the interface " + name + " an MTU of " + mtuBytes);
    }

    /** Sets the address of 6 bytes. */
    public void setMac(byte[] mac) throws NativeException {
        requireMac(mac);
        changeLink(newLink().attribute(IFLA_ADDRESS, mac), "give the interface " + name + " the address " + text(mac));
    }

    /** How many packets each transmit queue holds; of a TAP also what a queue's reader may lag behind. */
    public void setTxQueueLength(int packets) throws NativeException {
        changeLink(
                newLink().attribute(IFLA_TXQLEN, packets),
                "give the interface " + name + " a transmit queue of " + packets + " packets");
    }

    /** Removes the interface, as far as its kind lets itself be removed: a persistent TAP does. */
    public void delete() throws NativeException {
        var request = NetlinkRequest.link(NetlinkRequest.RTM_DELLINK, ACK, index, 0, 0);
        netlink.change(request, "rtnetlink RTM_DELLINK", "cannot delete the interface " + name);
    }

    private NetlinkRequest newLink() {
        return NetlinkRequest.link(NetlinkRequest.RTM_NEWLINK, ACK, index, 0, 0);
    }

    private void changeLink(NetlinkRequest request, String what) throws NativeException {
        netlink.change(request, "rtnetlink RTM_NEWLINK", "cannot " + what);
    }

    /**
     * Adds an address, or changes the prefix of one that is there. An IPv6 address can be used at once: duplicate
     * address detection is left out.
     *
     * @param prefixLength bits of the network, which becomes reachable through this interface
     */
    public void addAddress(InetAddress address, int prefixLength) throws NativeException {
        String doing =
                "cannot add the address " + address.getHostAddress() + "/" + prefixLength + " to the interface " + name;
        byte[] bytes = address.getAddress();
        var request = NetlinkRequest.address(CREATE_OR_REPLACE, family(address), prefixLength, index)
                .attribute(IFA_LOCAL, bytes)
                .attribute(IFA_ADDRESS, bytes);
        if (address instanceof Inet6Address) request.attribute(IFA_FLAGS, IFA_F_NODAD);
        netlink.change(request, "rtnetlink RTM_NEWADDR", doing);
    }

    /** Fixes the Ethernet address of a neighbour, so that nobody asks for it. */
    public void addNeighbour(InetAddress address, byte[] mac) throws NativeException {
        requireMac(mac);
        var request = NetlinkRequest.neighbour(CREATE_OR_REPLACE, family(address), index, NUD_PERMANENT)
                .attribute(NDA_DST, address.getAddress())
                .attribute(NDA_LLADDR, mac);
        String doing = "cannot add the neighbour " + address.getHostAddress() + " to the interface " + name;
        netlink.change(request, "rtnetlink RTM_NEWNEIGH", doing);
    }

    /**
     * Adds a route through this interface to the main table, or replaces the one to the same destination.
     *
     * @param via the gateway, or {@code null} if the destination is on the link
     */
    public void addRoute(InetAddress destination, int prefixLength, InetAddress via) throws NativeException {
        int scope = via == null && !(destination instanceof Inet6Address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
        var request = NetlinkRequest.route(CREATE_OR_REPLACE, family(destination), prefixLength, scope)
                .attribute(RTA_DST, destination.getAddress())
                .attribute(RTA_OIF, index);
        if (via != null) request.attribute(RTA_GATEWAY, via.getAddress());
        String doing = "cannot add the route to " + destination.getHostAddress() + "/" + prefixLength
                + " through the interface " + name;
        netlink.change(request, "rtnetlink RTM_NEWROUTE", doing);
    }

    private static int family(InetAddress address) {
        return address instanceof Inet6Address ? Posix.AF_INET6 : Posix.AF_INET;
    }

    /**
     * Keeps the interface from speaking IPv6 on its own: no link-local address, so no router solicitations, and no
     * addresses from router advertisements. Addresses that are added still announce their multicast group (MLD); to
     * be rid of that too, {@link #disableIpv6}. Call it before the interface goes up. Without IPv6 in the kernel there
     * is nothing to do.
     *
     * <p>Goes through /proc/sys: only on a thread of the interface's network namespace.
     *
     * @throws IOException if /proc/sys is not writable
     * @throws IllegalStateException on a thread of another namespace
     */
    public void disableIpv6AutoConf() throws IOException {
        var settings = ipv6Settings();
        if (!Files.isDirectory(settings)) return;
        var none = newLink().nested(IFLA_AF_SPEC, Posix.AF_INET6, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        changeLink(none, "keep the interface " + name + " from making an IPv6 address");
        write(settings.resolve("accept_ra"), 0);
        write(settings.resolve("autoconf"), 0);
        write(settings.resolve("router_solicitations"), 0);
    }

    /**
     * Switches IPv6 off on this interface: no address, no packet. Call it before the interface goes up.
     *
     * <p>Goes through /proc/sys: only on a thread of the interface's network namespace.
     *
     * @throws IOException if /proc/sys is not writable
     * @throws IllegalStateException on a thread of another namespace
     */
    public void disableIpv6() throws IOException {
        var settings = ipv6Settings();
        if (Files.isDirectory(settings)) write(settings.resolve("disable_ipv6"), 1);
    }

    // The kernel resolves /proc/sys/net by the namespace of the thread that opens a file there, where an interface of
    // the same name may exist.
    private Path ipv6Settings() throws IOException {
        requireOwnNamespace();
        return Path.of("/proc/sys/net/ipv6/conf", name);
    }

    /**
     * Checks that the calling thread is in the interface's network namespace: for calls that take an interface by its
     * index and look for it in the namespace of their caller.
     *
     * @throws IllegalStateException on a thread of another namespace
     */
    public void requireOwnNamespace() throws IOException {
        var here = Files.readSymbolicLink(OWN_NAMESPACE);
        if (!here.equals(namespace))
            throw new IllegalStateException(
                    "the interface " + name + " is in " + namespace + ", this thread is in " + here);
    }

    Rtnetlink netlink() {
        return netlink;
    }

    private static void write(Path setting, int value) throws IOException {
        Files.writeString(setting, Integer.toString(value), StandardOpenOption.WRITE);
    }

    private static void requireMac(byte[] mac) {
        if (mac.length != 6) throw new IllegalArgumentException("an Ethernet address of " + mac.length + " bytes");
    }

    private static String text(byte[] mac) {
        return HexFormat.ofDelimiter(":").formatHex(mac);
    }

    /** Ends the conversation with the kernel; the interface stays as it is. */
    @Override
    public void close() {
        netlink.close();
    }

    @Override
    public String toString() {
        return "interface " + name + " (" + index + ")";
    }
}
