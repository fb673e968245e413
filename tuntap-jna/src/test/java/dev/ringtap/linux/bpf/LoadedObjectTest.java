// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapContents;
import dev.ringtap.linux.RequiresBpf;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Objects as a compiler writes them, in the kernel: what their programs answer. */
@RequiresBpf
class LoadedObjectTest {
    private static final int ETHERNET_HEADER_BYTES = 14;

    /** Answer of a program for a packet of so many bytes, as {@code skb->len} has them. */
    private static int run(LoadedObject object, String program, int length) throws IOException {
        try (var arena = Arena.ofConfined()) {
            var packet = arena.allocate(ETHERNET_HEADER_BYTES + length);
            packet.fill((byte) 0xFF);
            return BpfCall.testRun(object.program(program).number(), program, packet, 1)
                    .answer();
        }
    }

    private static MapContents.Entry entry(byte[] key, byte[] value) {
        return new MapContents.Entry(key, value);
    }

    private static byte[] u32(int value) {
        return new byte[] {(byte) value, (byte) (value >>> 8), (byte) (value >>> 16), (byte) (value >>> 24)};
    }

    @Test
    void functionsThatCallEachOther() throws Exception {
        var object = TestObject.parse("calls");
        var answers = List.of(
                entry(u32(0), u32(1)), entry(u32(1), u32(20)), entry(u32(2), u32(300)), entry(u32(3), u32(4000)));
        try (var loaded = LoadedObject.load(object, object.programs(), Map.of("answers", answers))) {
            assertThat(run(loaded, "sum_twice", 100)).isEqualTo(2 * (1 + 20) + 4000);
            assertThat(run(loaded, "sum_twice", 101)).isEqualTo(2 * (20 + 300) + 4000);
            assertThat(run(loaded, "sum_near", 102)).isEqualTo(2 * 3 + 1 + 20 + 300);
        }
    }

    @Test
    void callbacks() throws Exception {
        try (var loaded = LoadedObject.load(TestObject.parse("callback"))) {
            assertThat(run(loaded, "sum_of_indexes", 100)).isEqualTo(45 + 1 + 4 + 9 + 16);
        }
    }

    @Test
    void globalVariables() throws Exception {
        try (var loaded = LoadedObject.load(TestObject.parse("globals"))) {
            assertThat(run(loaded, "count", 102)).isEqualTo(1000 + 300 + 5 + 8 + 10);
            assertThat(run(loaded, "count", 101)).isEqualTo(1000 + 20 + 5 + 9 + 20);
            assertThatThrownBy(() -> loaded.map(".rodata").put(u32(0), new byte[12]))
                    .as("frozen")
                    .hasMessageContaining("cannot set a value of the eBPF map .rodata");
        }
    }

    @Test
    void constantsAreSetBeforeTheyAreFrozen() throws Exception {
        var object = TestObject.parse("globals");
        var bonus = Map.of(".rodata.bonus", List.of(entry(u32(0), u32(500_000))));
        try (var loaded = LoadedObject.load(object, object.programs(), bonus)) {
            assertThat(run(loaded, "count", 100)).isEqualTo(1000 + 1 + 500_000 + 8 + 10);
        }
    }

    @Test
    void mapsOfManyTypes() throws Exception {
        var object = TestObject.parse("maps");
        var contents = Map.of(
                "pairs", List.of(entry(new byte[] {1, 0, 0, 0, 2, 0, 0, 0}, u32(7))),
                "counters", List.of(entry(u32(2), new byte[] {(byte) 0x90, 1})),
                "by_byte", List.of(entry(new byte[] {(byte) 200}, u32(100_000))));
        try (var loaded = LoadedObject.load(object, object.programs(), contents)) {
            // Whichever CPU it runs on.
            for (int i = 0; i < 20; i++) assertThat(run(loaded, "use_all", 64)).isEqualTo(7 + 400 + 100_000);
        }
    }

    @Test
    void programsOfTrafficControl() throws Exception {
        var object = TestObject.parse("sections");
        var known = object.programs().stream()
                .filter(program -> program.type().kernelNumber() != 0)
                .toList();
        try (var loaded = LoadedObject.load(object, known, Map.of())) {
            assertThat(run(loaded, "named", 64)).isEqualTo(2);
            assertThat(run(loaded, "at_tcx_egress", 64)).isZero();
        }
    }

    @Test
    void typeThatNoKernelHas() {
        assertThatThrownBy(() -> LoadedObject.load(TestObject.parse("sections")))
                .isInstanceOf(BpfException.class)
                .hasMessage("sections.bpf.o, section 'vnet_hash', program 'report': no released kernel has programs of"
                        + " type 'vnet_hash'");
    }

    @Test
    void functionThatNoKernelHas() {
        assertThatThrownBy(() -> LoadedObject.load(TestObject.parse("kfunc")))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith("kfunc.bpf.o, section 'socket', program 'reporting': calls ")
                .hasMessageContaining("no released kernel has it for programs of a TAP");
    }

    @Test
    void refusalShowsTheMapsAndTheEndOfTheVerifiersLog() {
        assertThatThrownBy(() -> LoadedObject.load(TestObject.parse("refused")))
                .isInstanceOf(BpfException.class)
                .satisfies(e -> {
                    var lines = e.getMessage().lines().toList();
                    assertThat(lines.subList(0, 5))
                            .containsExactly(
                                    "refused.bpf.o, section 'socket': the kernel's verifier refused program"
                                            + " 'unchecked': Permission denied (EACCES)",
                                    "its maps, sizes in bytes:",
                                    "  map                                type   key  value  entries  flags",
                                    "  flows                              hash     4      8     1024    0x0",
                                    "  a_name_that_is_longer_than_others  array    4      2        1    0x0");
                    assertThat(lines.get(5)).isEqualTo("what the verifier says:");
                    assertThat(lines.subList(6, lines.size()))
                            .anyMatch(line -> line.contains("invalid mem access"))
                            .as("a line of source")
                            .anyMatch(line -> line.contains("return *flow + (other ? *other : 0);"));
                });
    }

    @Test
    void listsOfCpus() throws Exception {
        assertThat(PossibleCpus.count("0\n")).isEqualTo(1);
        assertThat(PossibleCpus.count("0-3\n")).isEqualTo(4);
        assertThat(PossibleCpus.count("0,2-5,9")).isEqualTo(6);
        assertThatThrownBy(() -> PossibleCpus.count("")).isInstanceOf(IOException.class);
    }
}
