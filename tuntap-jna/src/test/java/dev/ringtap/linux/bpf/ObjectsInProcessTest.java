// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static dev.ringtap.ebpf.vm.Kfuncs.Argument.CONTEXT;
import static dev.ringtap.ebpf.vm.Kfuncs.Argument.SCALAR;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.Engine;
import dev.ringtap.ebpf.vm.Kfuncs;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What clang makes of programs, run in this process. */
class ObjectsInProcessTest {
    private static final int REPORTED_TYPE = 1;

    private static EbpfVm load(String name, Engine engine) throws BpfException {
        return EbpfVm.load(TestObject.parse(name), VmOptions.defaults().withEngine(engine));
    }

    private static long run(EbpfVm vm, String program, int lengthBytes) throws BpfException {
        return vm.program(program).run(new SkBuff().reset(new byte[lengthBytes], 0, lengthBytes));
    }

    private static byte[] u32(int value) {
        return new byte[] {(byte) value, (byte) (value >> 8), (byte) (value >> 16), (byte) (value >> 24)};
    }

    @ParameterizedTest
    @EnumSource
    void functionsAreCalledWithTheirMaps(Engine engine) throws Exception {
        try (var vm = load("calls", engine)) {
            for (int i = 0; i < 4; i++) vm.map("answers").update(u32(i), u32(10 * (i + 1)));
            assertThat(run(vm, "sum_twice", 64)).isEqualTo((10 + 20) * 2 + 40);
            assertThat(run(vm, "sum_twice", 65)).isEqualTo((20 + 30) * 2 + 40);
            assertThat(run(vm, "sum_near", 66)).isEqualTo(7 + 20 + 30);
        }
    }

    @ParameterizedTest
    @EnumSource
    void callbacksAreCalledByHelpers(Engine engine) throws Exception {
        try (var vm = load("callback", engine)) {
            assertThat(run(vm, "sum_of_indexes", 64)).isEqualTo(45 + 1 + 4 + 9 + 16);
        }
    }

    @ParameterizedTest
    @EnumSource
    void globalVariablesKeepTheirValuesFromRunToRun(Engine engine) throws Exception {
        try (var vm = load("globals", engine)) {
            assertThat(run(vm, "count", 66)).isEqualTo(1000 + 300 + 5 + 8 + 10);
            assertThat(run(vm, "count", 64)).isEqualTo(1000 + 1 + 5 + 9 + 20);
        }
        try (var vm = load("globals", engine)) {
            assertThat(run(vm, "count", 64)).as("a VM has its own variables").isEqualTo(1000 + 1 + 5 + 8 + 10);
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyTypeOfMapIsUsed(Engine engine) throws Exception {
        try (var vm = load("maps", engine)) {
            vm.map("pairs").update(new byte[] {1, 0, 0, 0, 2, 0, 0, 0}, u32(1000));
            vm.map("counters").update(u32(2), new byte[] {7, 0});
            vm.map("by_byte").update(new byte[] {(byte) 200}, u32(30));
            assertThat(run(vm, "use_all", 64)).isEqualTo(1037);
            assertThat(vm.map("recent").lookup(new byte[] {64, 0})).containsExactly(1, 0, 0, 0, 0, 0, 0, 0);
            var records = new ArrayList<byte[]>();
            assertThat(vm.map("events").drain(records::add)).isEqualTo(1);
            assertThat(records.getFirst()).isEqualTo(u32(1037));
        }
    }

    @ParameterizedTest
    @EnumSource
    void usersProgramSteersAndFilters(Engine engine) throws Exception {
        byte[] frame = new byte[60];
        frame[12] = 0x08;
        frame[14] = 0x45;
        frame[23] = 17;
        frame[36] = 3;
        frame[37] = 9;
        try (var vm = load("by_port", engine)) {
            var skb = new SkBuff();
            assertThat(vm.program("steer").run(skb.reset(frame, 0, 60))).isZero();
            vm.map("queues").update(new byte[] {3, 9}, u32(5));
            assertThat(vm.program("steer").run(skb.reset(frame, 0, 60))).isEqualTo(5);
            assertThat(vm.program("admit").run(skb.reset(frame, 0, 60))).isEqualTo(60);
            vm.map("closed").update(new byte[] {3, 9}, new byte[1]);
            assertThat(vm.program("admit").run(skb.reset(frame, 0, 60))).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void kfuncsAreFoundByNameAndVersion(Engine engine) throws Exception {
        var object = TestObject.parse("kfunc");
        Kfuncs.Implementation report = (skb, context, value, type, r4, r5) -> {
            skb.vnetHashValue((int) value).vnetHashReport((int) type);
            return 40;
        };
        var signature = Kfuncs.Signature.of(CONTEXT, SCALAR, SCALAR);
        var plain = Kfuncs.builder()
                .export("ringtap_plain", 0, Kfuncs.Signature.of(CONTEXT), (skb, context, r2, r3, r4, r5) -> 2);
        var options = VmOptions.defaults().withEngine(engine);
        var other = plain.export("ringtap_report_hash", 1, signature, report).build();
        assertThatThrownBy(() -> EbpfVm.load(object, options.withKfuncs(other)))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("kfunc.bpf.o")
                .hasMessageContaining("ringtap_report_hash version 2");
        var kfuncs = plain.export("ringtap_report_hash", 2, signature, report).build();
        try (var vm = EbpfVm.load(object, options.withKfuncs(kfuncs))) {
            var skb = new SkBuff().reset(new byte[64], 0, 64);
            assertThat(vm.program("reporting").run(skb)).isEqualTo(42);
            assertThat(skb.vnetHashValue()).isEqualTo(0x12345678);
            assertThat(skb.vnetHashReport()).isEqualTo(REPORTED_TYPE);
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusalNamesObjectProgramAndInstruction(Engine engine) throws Exception {
        assertThatThrownBy(() -> load("refused", engine))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith("refused.bpf.o, ")
                .hasMessageContaining("instruction ")
                .hasMessageContaining("flows");
        var socketsOnly = VmOptions.defaults().withEngine(engine).withProgramTypes(Set.of(ProgramType.SOCKET_FILTER));
        var object = TestObject.parse("sections");
        assertThatThrownBy(() -> EbpfVm.load(object, socketsOnly))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("are not run here");
    }

    @ParameterizedTest
    @EnumSource
    void namesThatAreNotThereAreAnsweredWithThoseThatAre(Engine engine) throws Exception {
        try (var vm = load("calls", engine)) {
            assertThat(vm.programs().stream().map(program -> program.name()).toList())
                    .isEqualTo(List.of("sum_twice", "sum_near"));
            assertThatThrownBy(() -> vm.program("nothing")).hasMessageContaining("sum_twice");
            assertThatThrownBy(() -> vm.map("nothing")).hasMessageContaining("answers");
        }
    }
}
