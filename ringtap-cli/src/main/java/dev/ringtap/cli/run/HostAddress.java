// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import java.net.InetAddress;
import java.net.UnknownHostException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** An address of the host on the TAP: a value of {@code --address}. */
record HostAddress(InetAddress address, int prefixLength) {

    /** Reads {@code 10.9.0.1/24}. */
    static final class Converter implements ITypeConverter<HostAddress> {
        @Override
        public HostAddress convert(String value) {
            int slash = value.indexOf('/');
            try {
                // Only literals: a name would be looked up in the network.
                if (slash > 0 && value.substring(0, slash).matches("[0-9a-fA-F:.]+")) {
                    InetAddress address = InetAddress.getByName(value.substring(0, slash));
                    int length = Integer.parseInt(value.substring(slash + 1));
                    if (length >= 0 && length <= 8 * address.getAddress().length) {
                        return new HostAddress(address, length);
                    }
                }
            } catch (UnknownHostException | NumberFormatException e) {
                // Said below, with the value.
            }
            throw new TypeConversionException(
                    "expected an IPv4 or IPv6 address and a prefix length, such as 10.9.0.1/24, not '%s'"
                            .formatted(value));
        }
    }
}
