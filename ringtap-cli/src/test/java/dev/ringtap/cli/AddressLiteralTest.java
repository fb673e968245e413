// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddressLiteralTest {
    @Test
    void addressesWrittenOutInFullAreTaken() throws Exception {
        assertThat(AddressLiteral.parse("10.9.0.255"))
                .isEqualTo(InetAddress.getByAddress(new byte[] {10, 9, 0, (byte) 255}));
        byte[] ipv6 = new byte[16];
        ipv6[0] = (byte) 0xFD;
        ipv6[12] = 1;
        ipv6[15] = 4;
        assertThat(AddressLiteral.parse("fd00::100:4")).isEqualTo(InetAddress.getByAddress(ipv6));
        assertThat(AddressLiteral.parse("FD00:0:0:0:0:0:1.0.0.4")).isEqualTo(InetAddress.getByAddress(ipv6));
        assertThat(AddressLiteral.parse("::1").isLoopbackAddress()).isTrue();
    }

    /** A name is looked up in the network, which takes long and may answer; a short form stands for something else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "1",
                "300",
                "10.1",
                "10.0.1",
                "1.2.3.4.5",
                "1.2.3.4.",
                "1..2.3",
                "01.2.3.4",
                "256.0.0.1",
                "0x1.2.3.4",
                " 1.2.3.4",
                "1.2.3.-4",
                "cafe",
                "abc.de",
                "a.b.c.d",
                ":",
                ":::",
                "cafe:",
                "fd00::1::2",
                "fd00::12345",
                "[fd00::1]",
                "fe80::1%lo",
                "fe80::1%1",
                "::ffff:1.2.3.4",
                "fd00::1.2.3.256"
            })
    void whatIsNoLiteralIsRefused(String text) {
        assertThatThrownBy(() -> AddressLiteral.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
