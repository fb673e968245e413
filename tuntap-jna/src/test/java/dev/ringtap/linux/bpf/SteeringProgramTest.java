// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.posix.Posix;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

@RequiresBpf
class SteeringProgramTest {
    private static final byte[] KEY = Frames.bytes(
            0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca,
            0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
            0xbe, 0xac, 0x01, 0xfa);
    private static final byte[] TCP4 =
            Frames.join(Frames.ethernet(Frames.IPV4), Frames.ipv4(Frames.TCP, 0, new byte[0], Frames.tcp()));
    private static final byte[] ARP = Frames.join(Frames.ethernet(0x0806), new byte[46]);

    @Test
    void everyPacketGoesToQueue0UntilConfigured() throws Exception {
        try (var program = SteeringProgram.load()) {
            assertThat(program.current()).isEqualTo(SteeringConfig.constant(0));
            assertThat(program.testRun(TCP4, 1).queue()).isZero();
            program.configure(SteeringConfig.constant(0xFFFF));
            assertThat(program.testRun(TCP4, 1).queue()).isEqualTo(0xFFFF);
            assertThat(program.testRun(ARP, 1).queue()).isEqualTo(0xFFFF);
        }
    }

    @Test
    void hashPicksTheTableEntryAndTheRestIsUnclassified() throws Exception {
        // Microsoft's verification suite: 66.9.149.187:2794 -> 161.142.100.80:1766 hashes to 0x51ccc178 with ports,
        // 0x323e8fc2 without.
        byte[] frame = TCP4.clone();
        System.arraycopy(Frames.bytes(66, 9, 149, 187, 161, 142, 100, 80), 0, frame, 26, 8);
        System.arraycopy(Frames.bytes(2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255), 0, frame, 34, 4);
        int[] toeplitz = BitwiseToeplitz.table(KEY, 0);
        try (var program = SteeringProgram.load()) {
            for (int entries = 1; entries <= 512; entries *= 2) {
                int[] table = new int[entries];
                Arrays.setAll(table, i -> 60_000 + i);
                program.configure(SteeringConfig.rss(ReferenceHash.ALL, 7, table, toeplitz));
                assertThat(program.testRun(frame, 1).queue()).isEqualTo(60_000 + (0x51ccc178 & entries - 1));
                assertThat(program.testRun(ARP, 1).queue()).isEqualTo(7);
                program.configure(SteeringConfig.rss(ReferenceHash.IPV4, 7, table, toeplitz));
                assertThat(program.testRun(frame, 1).queue()).isEqualTo(60_000 + (0x323e8fc2 & entries - 1));
            }
        }
    }

    @Test
    void twoProgramsHaveTheirOwnConfigurations() throws Exception {
        try (var one = SteeringProgram.load();
                var other = SteeringProgram.load()) {
            one.configure(SteeringConfig.constant(1));
            other.configure(SteeringConfig.constant(2));
            assertThat(one.testRun(TCP4, 1).queue()).isEqualTo(1);
            assertThat(other.testRun(TCP4, 1).queue()).isEqualTo(2);
        }
    }

    @Test
    void descriptorsAreClosedOnExecAndWithTheProgram() throws Exception {
        int before = openDescriptors();
        var program = SteeringProgram.load();
        assertThat(Posix.fcntl(program.fd(), Posix.F_GETFD, 0)).isEqualTo(1);
        for (int i = 0; i < 20; i++) program.configure(SteeringConfig.constant(i));
        // The program and the map that holds the configuration.
        assertThat(openDescriptors()).isEqualTo(before + 2);
        program.close();
        program.close();
        assertThat(openDescriptors()).isEqualTo(before);
        assertThatThrownBy(program::fd).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> program.configure(SteeringConfig.constant(0)))
                .isInstanceOf(IllegalStateException.class);
        assertThat(openDescriptors()).isEqualTo(before);
    }

    @Test
    void verifierHasLittleToDo() throws Exception {
        try (var program = SteeringProgram.load()) {
            // A twentieth of the kernel's limit: room for verifiers that see less than this one. 0: it does not tell.
            assertThat(program.verifiedInstructions()).isLessThan(50_000);
        }
    }

    @Test
    void configurationsAreChecked() {
        int[] toeplitz = new int[SteeringConfig.TOEPLITZ_ENTRIES];
        assertThatThrownBy(() -> SteeringConfig.rss(0x200, 0, new int[1], toeplitz))
                .hasMessageContaining("0x200");
        assertThatThrownBy(() -> SteeringConfig.constant(65_536)).hasMessageContaining("65536");
        assertThatThrownBy(() -> SteeringConfig.rss(1, -1, new int[1], toeplitz))
                .hasMessageContaining("-1");
        for (int entries : new int[] {0, 3, 96, 513, 1024})
            assertThatThrownBy(() -> SteeringConfig.rss(1, 0, new int[entries], toeplitz))
                    .hasMessageContaining("table of " + entries);
        assertThatThrownBy(() -> SteeringConfig.rss(1, 0, new int[] {0, 70_000}, toeplitz))
                .hasMessageContaining("entry 1 is 70000");
        assertThatThrownBy(() -> SteeringConfig.rss(1, 0, new int[1], new int[36]))
                .hasMessageContaining("9216");
    }

    private static int openDescriptors() {
        return new java.io.File("/proc/self/fd").list().length;
    }
}
