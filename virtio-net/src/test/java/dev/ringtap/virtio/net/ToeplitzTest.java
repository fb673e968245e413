// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.address;
import static dev.ringtap.virtio.net.Frames.hex;
import static dev.ringtap.virtio.net.Frames.join;
import static dev.ringtap.virtio.net.Frames.u16;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ToeplitzTest {
    /** Of Microsoft's "Verifying the RSS hash calculation". */
    static final byte[] KEY = hex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    @ParameterizedTest
    @CsvSource({
        "66.9.149.187,   2794,  161.142.100.80, 1766,  323e8fc2, 51ccc178",
        "199.92.111.2,   14230, 65.69.140.83,   4739,  d718262a, c626b0ea",
        "24.19.198.95,   12898, 12.22.207.184,  38024, d2d0a5de, 5c2b394a",
        "38.27.205.30,   48228, 209.142.163.6,  2217,  82989176, afc7327f",
        "153.39.163.191, 44251, 202.188.127.2,  1303,  5d1809c5, 10e828a2",
        "3ffe:2501:200:1fff::7,                2794,  3ffe:2501:200:3::1,       1766,  2cc18cd5, 40207d3d",
        "3ffe:501:8::260:97ff:fe40:efab,       14230, ff02::1,                  4739,  0f0c461c, dde51bbf",
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf,  44251, fe80::200:f8ff:fe21:67cf, 38024, 4b61e985, 02d1feef",
    })
    void agreesWithMicrosoftsVectors(
            String source, int sourcePort, String destination, int destinationPort, String addresses, String ports) {
        Toeplitz toeplitz = new Toeplitz(KEY);
        byte[] input = join(address(source), address(destination), u16(sourcePort), u16(destinationPort));
        assertThat(toeplitz.hash(input, 0, input.length - 4)).isEqualTo(Integer.parseUnsignedInt(addresses, 16));
        assertThat(toeplitz.hash(input, 0, input.length)).isEqualTo(Integer.parseUnsignedInt(ports, 16));
    }

    @Test
    void tableHoldsTheHashOfEverySingleByte() {
        int[] table = new Toeplitz(KEY).byteTable();
        assertThat(table).hasSize(36 * 256);
        for (int i = 0; i < 36; i++) {
            for (int v = 0; v < 256; v++) {
                byte[] input = new byte[36];
                input[i] = (byte) v;
                assertThat(table[i * 256 + v]).isEqualTo(BitwiseToeplitz.hash(KEY, input));
            }
        }
    }

    @Property(tries = 300)
    void agreesWithTheDefinition(
            @ForAll @Size(min = 0, max = 40) byte[] key, @ForAll @Size(min = 0, max = 36) byte[] input) {
        assertThat(new Toeplitz(key).hash(input, 0, input.length)).isEqualTo(BitwiseToeplitz.hash(key, input));
    }

    @Property(tries = 100)
    void shortKeyIsFollowedByZeros(@ForAll @Size(min = 0, max = 40) byte[] key) {
        assertThat(new Toeplitz(key).byteTable()).isEqualTo(new Toeplitz(Arrays.copyOf(key, 40)).byteTable());
    }

    @Test
    void hashesPartOfAnArray() {
        byte[] input = hex("ff 42099bb2 ff");
        assertThat(new Toeplitz(KEY).hash(input, 1, 4)).isEqualTo(new Toeplitz(KEY).hash(hex("42099bb2"), 0, 4));
    }

    @Test
    void copiesKeyAndTable() {
        byte[] key = KEY.clone();
        Toeplitz toeplitz = new Toeplitz(key);
        key[0] = 0;
        toeplitz.byteTable()[255] = 0;
        assertThat(toeplitz.byteTable()).isEqualTo(new Toeplitz(KEY).byteTable());
    }

    @Test
    void refusesKeysAndInputsThatAreTooLong() {
        assertThatThrownBy(() -> new Toeplitz(new byte[41])).hasMessage("key has 41 bytes, at most 40 is right");
        assertThatThrownBy(() -> new Toeplitz(KEY).hash(new byte[37], 0, 37))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Toeplitz(KEY).hash(new byte[4], 1, 4))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
