// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddressTextTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "198.18.7.1",
                "::",
                "::1",
                "1::",
                "2001:db8::1:0:0:1",
                "2001:db8:0:1:1:1:1:1",
                "fd72:696e:6774:6170:100:0:1d00:1",
                "1:2:3:4:5:6:7:8"
            })
    void writesWhatRfc5952Wants(String text) throws UnknownHostException {
        assertThat(AddressText.of(InetAddress.getByName(text).getAddress())).isEqualTo(text);
    }
}
