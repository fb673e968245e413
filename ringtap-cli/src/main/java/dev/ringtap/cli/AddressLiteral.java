// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.regex.Pattern;

/**
 * The address of one host, as an option has it. Only what is written out in full is taken: a name would be looked up in the
 * network, and {@code 1}, {@code 10.1} and {@code 010.0.0.1} mean different addresses to different programs.
 */
public final class AddressLiteral {
    private static final String OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    private static final Pattern IPV4 = Pattern.compile(OCTET + "(?:\\." + OCTET + "){3}");
    /** No zone, which belongs to an interface, and no brackets, which belong to a port. */
    private static final Pattern IPV6_CHARACTERS = Pattern.compile("[0-9a-fA-F:.]+");

    private AddressLiteral() {}

    /**
     * Reads an IPv4 address in four parts, or an IPv6 address.
     *
     * @throws IllegalArgumentException if it is none, or that of a group or of no host; says which, in a clause
     */
    public static InetAddress parse(String text) {
        return text.indexOf(':') < 0 ? parseIpv4(text) : ofOneHost(ipv6(text));
    }

    /** As {@link #parse}, of IPv4 addresses. */
    public static Inet4Address parseIpv4(String text) {
        if (!IPV4.matcher(text).matches()) {
            throw new IllegalArgumentException("the address is not four numbers from 0 to 255");
        }
        return ofOneHost(Inet4Address.ofLiteral(text));
    }

    private static Inet6Address ipv6(String text) {
        if (IPV6_CHARACTERS.matcher(text).matches()) {
            try {
                // An IPv4 address in an IPv6 one's clothes comes back as the former.
                if (InetAddress.ofLiteral(text) instanceof Inet6Address address) {
                    return address;
                }
            } catch (IllegalArgumentException e) {
                // Its message has no more than the value.
            }
        }
        throw new IllegalArgumentException("the address is not an IPv6 one such as fd00::1");
    }

    private static <A extends InetAddress> A ofOneHost(A address) {
        boolean broadcast = address.getHostAddress().equals("255.255.255.255");
        if (address.isMulticastAddress() || broadcast) {
            throw new IllegalArgumentException("that is the address of a group, not of one host");
        }
        if (address.isAnyLocalAddress()) {
            throw new IllegalArgumentException("that is the address of no host");
        }
        return address;
    }
}
