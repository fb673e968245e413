// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.AddressLiteral;
import java.net.InetAddress;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** An address of the host on the TAP: a value of {@code --address}. */
record HostAddress(InetAddress address, int prefixLength) {

    /** Reads {@code 10.9.0.1/24}. */
    static final class Converter implements ITypeConverter<HostAddress> {
        @Override
        public HostAddress convert(String value) {
            int slash = value.indexOf('/');
            if (slash < 0) {
                throw refusal(value, "there is no prefix length");
            }
            InetAddress address;
            try {
                address = AddressLiteral.parse(value.substring(0, slash));
            } catch (IllegalArgumentException e) {
                throw refusal(value, e.getMessage());
            }
            String length = value.substring(slash + 1);
            int longest = 8 * address.getAddress().length;
            if (!length.matches("[0-9]{1,3}") || Integer.parseInt(length) > longest) {
                throw refusal(value, "the prefix length is 0 to " + longest);
            }
            return new HostAddress(address, Integer.parseInt(length));
        }

        private static TypeConversionException refusal(String value, String problem) {
            return new TypeConversionException(
                    "expected an IPv4 or IPv6 address and a prefix length, such as 10.9.0.1/24, not '%s': %s"
                            .formatted(value, problem));
        }
    }
}
