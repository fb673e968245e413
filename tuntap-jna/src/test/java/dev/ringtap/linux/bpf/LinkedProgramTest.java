// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.tuple;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the reader makes of objects as a compiler writes them: programs put together, variables, sections. */
class LinkedProgramTest {
    private static ProgramDefinition program(BpfObject object, String name) {
        return object.programs().stream()
                .filter(program -> program.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static ByteBuffer code(ProgramDefinition program) {
        return ByteBuffer.wrap(program.instructions()).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Byte offsets that the calls of a program's functions lead to, in the order of the instructions. */
    private static List<Integer> callTargets(ProgramDefinition program) {
        var code = code(program);
        var targets = new ArrayList<Integer>();
        for (int at = 0; at < code.limit(); at += 8) {
            if (code.get(at) == (byte) 0x85 && code.get(at + 1) == 0x10) targets.add(at + 8 + 8 * code.getInt(at + 4));
            if (code.get(at) == 0x18) at += 8;
        }
        return targets;
    }

    @Test
    void calledFunctionsStandBehindTheirProgramOnce() throws Exception {
        var object = TestObject.parse("calls");
        assertThat(object.programs()).extracting(ProgramDefinition::name).containsExactly("sum_twice", "sum_near");

        var twice = program(object, "sum_twice");
        assertThat(twice.functions())
                .extracting(ProgramDefinition.Function::name, ProgramDefinition.Function::byteOffset)
                .containsExactly(
                        tuple("sum_twice", 0), tuple("twice", 64), tuple("answer_at", 88), tuple("sum_of_two", 176));
        assertThat(callTargets(twice)).containsExactly(64, 88, 176, 88, 88);
        assertThat(twice.references()).containsExactly(new Reference.MapAddress(88 + 24, "answers"));
        assertThat(code(twice).get(88 + 25)).as("BPF_PSEUDO_MAP_FD into r1").isEqualTo((byte) 0x11);
        assertThat(twice.instructions()).hasSize(176 + 64);

        var near = program(object, "sum_near");
        assertThat(near.functions())
                .extracting(ProgramDefinition.Function::name)
                .containsExactly("sum_near", "near_by", "sum_of_two", "answer_at");
        assertThat(callTargets(near)).containsExactly(64, 96, 160, 160);
    }

    @Test
    void addressOfAFunctionIsRelative() throws Exception {
        var program = TestObject.parse("callback").programs().getFirst();
        assertThat(program.functions())
                .extracting(ProgramDefinition.Function::name, ProgramDefinition.Function::callback)
                .containsExactly(tuple("sum_of_indexes", false), tuple("add", true), tuple("add_square", true));
        var code = code(program);
        var targets = new ArrayList<Integer>();
        for (int at = 0; at < code.limit(); at += 8) {
            if (code.get(at) != 0x18) continue;
            assertThat(code.get(at + 1)).as("BPF_PSEUDO_FUNC into r2").isEqualTo((byte) 0x42);
            targets.add(at + 8 + 8 * code.getInt(at + 4));
            at += 8;
        }
        assertThat(targets)
                .containsExactly(
                        program.functions().get(1).byteOffset(),
                        program.functions().get(2).byteOffset());
        assertThat(program.references()).isEmpty();
    }

    @Test
    void linesOfSourceAreThoseOfTheFunctionsWhereverTheyStand() throws Exception {
        var program = program(TestObject.parse("calls"), "sum_twice");
        for (var function : program.functions()) {
            var first = program.sourceLineAt(function.byteOffset());
            assertThat(first.byteOffset()).isEqualTo(function.byteOffset());
            assertThat(first.file()).endsWith("calls.bpf.c");
        }
        assertThat(program.functions())
                .extracting(
                        function -> program.sourceLineAt(function.byteOffset()).text())
                .containsExactly(
                        "return twice(skb->len & 1) + answer_at(3);",
                        "return sum_of_two(number) * 2;",
                        "static __noinline u32 answer_at(u32 index)",
                        "__noinline int sum_of_two(u32 index)");
        assertThat(program.sourceLineAt(88 + 40).text())
                .as("the call of the helper")
                .isEqualTo("const u32 *answer = map_lookup(&answers, &index);");
        assertThat(BpfObject.parse("steering.bpf.o", SteeringProgram.builtObject())
                        .programs()
                        .getFirst()
                        .sourceLineAt(0))
                .as("stripped")
                .isNull();
    }

    @Test
    void globalVariablesAreMapsOfOneValue() throws Exception {
        var object = TestObject.parse("globals");
        assertThat(object.maps()).containsOnlyKeys(".rodata", ".rodata.bonus", ".data", ".bss");
        var constants = object.maps().get(".rodata");
        assertThat(constants.type()).isEqualTo(MapDefinition.ARRAY);
        assertThat(constants.valueBytes()).isEqualTo(12);
        assertThat(constants.isConstant()).isTrue();
        assertThat(constants.flags()).isEqualTo(MapDefinition.READ_ONLY_FOR_PROGRAMS);
        var first = ByteBuffer.wrap(constants.firstValue()).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(first.getInt(0)).isEqualTo(1000);
        assertThat(first.getShort(10)).isEqualTo((short) 4000);
        assertThat(object.maps().get(".rodata.bonus").isConstant()).isTrue();
        var data = object.maps().get(".data");
        assertThat(data.firstValue()).containsExactly(7, 0, 0, 0);
        assertThat(data.isConstant()).isFalse();
        assertThat(object.maps().get(".bss").firstValue()).isNull();
        assertThat(object.maps().get(".bss").valueBytes()).isEqualTo(12);

        var program = object.programs().getFirst();
        assertThat(program.references())
                .extracting(reference -> ((Reference.MapValue) reference).map())
                .contains(".rodata", ".rodata.bonus", ".data", ".bss");
        for (var reference : program.references()) {
            var value = (Reference.MapValue) reference;
            assertThat(code(program).get(value.byteOffset() + 1) >>> 4).isEqualTo(2);
            assertThat(code(program).getInt(value.byteOffset() + 4)).isZero();
            assertThat(code(program).getInt(value.byteOffset() + 12)).isEqualTo(value.valueOffset());
        }
        // The array of steps stands behind the other constant; it is referred to by the section's symbol.
        assertThat(program.references())
                .anySatisfy(reference ->
                        assertThat(reference).isEqualTo(new Reference.MapValue(reference.byteOffset(), ".rodata", 4)));
    }

    @Test
    void functionsOfTheKernelAreNamedWithTheirVersion() throws Exception {
        var program = TestObject.parse("kfunc").programs().getFirst();
        assertThat(program.references())
                .extracting(
                        reference -> ((Reference.KfuncCall) reference).name(),
                        reference -> ((Reference.KfuncCall) reference).version())
                .containsExactlyInAnyOrder(tuple("ringtap_report_hash", 2), tuple("ringtap_plain", 0));
        for (var reference : program.references())
            assertThat(code(program).get(reference.byteOffset() + 1)).isEqualTo((byte) 0x20);
    }

    @Test
    void sectionNamesTheType() throws Exception {
        assertThat(TestObject.parse("sections").programs())
                .extracting(ProgramDefinition::name, ProgramDefinition::type)
                .containsExactly(
                        tuple("plain", ProgramType.SOCKET_FILTER),
                        tuple("named", ProgramType.SOCKET_FILTER),
                        tuple("at_tc", ProgramType.SCHED_CLS),
                        tuple("at_tc_egress", ProgramType.SCHED_CLS),
                        tuple("at_tcx_egress", ProgramType.SCHED_CLS),
                        tuple("at_tcx_ingress", ProgramType.SCHED_CLS),
                        tuple("classify", ProgramType.SCHED_CLS),
                        tuple("classify_one", ProgramType.SCHED_CLS),
                        tuple("act", ProgramType.SCHED_ACT),
                        tuple("report", ProgramType.VNET_HASH),
                        tuple("report_toeplitz", ProgramType.VNET_HASH));
    }

    @Test
    void mapsOfManyTypes() throws Exception {
        assertThat(TestObject.parse("maps").maps().entrySet())
                .extracting(entry -> entry(
                        entry.getKey(),
                        entry.getValue().typeName() + " "
                                + entry.getValue().keyBytes() + " "
                                + entry.getValue().valueBytes() + " "
                                + entry.getValue().maxEntries()))
                .containsExactlyInAnyOrder(
                        entry("pairs", "hash 8 4 8"),
                        entry("recent", "lru_hash 2 8 64"),
                        entry("counters", "percpu_array 4 2 3"),
                        entry("by_byte", "percpu_hash 1 4 3"),
                        entry("events", "ringbuf 0 0 4096"));
    }

    @Test
    void layoutsOfTheKernelAreRefusedUnlessTheyNeverChange() throws Exception {
        assertThat(TestObject.parse("fixed_layout").programs()).hasSize(1);
        assertThatThrownBy(() -> TestObject.parse("kernel_layout"))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith(
                        "kernel_layout.bpf.o: section 'socket': depends on how type 'task_struct' is laid out in the"
                                + " running kernel (CO-RE)");
    }

    /** Whatever the bytes are: an object or a refusal, and soon. {@code -Dringtap.seed=N} repeats a run. */
    @Test
    void randomDamage() {
        long seed = Long.getLong("ringtap.seed", System.nanoTime());
        System.out.println("LinkedProgramTest: -Dringtap.seed=" + seed);
        var random = new Random(seed);
        int refused = 0;
        int accepted = 0;
        for (var name : List.of("calls", "callback", "globals", "kfunc", "maps", "sections", "fixed_layout")) {
            byte[] whole = TestObject.bytes(name);
            for (int i = 0; i < 1_000; i++) {
                byte[] damaged = whole.clone();
                for (int n = 1 + random.nextInt(8); n > 0; n--)
                    damaged[random.nextInt(damaged.length)] =
                            (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextBoolean() ? 0xFF : 0);
                try {
                    BpfObject.parse("damaged.o", damaged);
                    accepted++;
                } catch (BpfException e) {
                    refused++;
                } catch (RuntimeException e) {
                    throw new AssertionError("seed " + seed + ", object " + name + " " + i, e);
                }
            }
        }
        assertThat(refused).as("seed %d", seed).isGreaterThan(200);
        assertThat(accepted).as("seed %d", seed).isGreaterThan(200);
    }

    @Test
    void variableOutsideItsSection() {
        byte[] object = TestObject.bytes("globals");
        var bytes = ByteBuffer.wrap(object).order(ByteOrder.LITTLE_ENDIAN);
        int load = 0; // of the address of the steps, the only 64-bit constant that is 4
        while (bytes.get(load) != 0x18 || bytes.getInt(load + 4) != 4) load += 8;
        bytes.putInt(load + 4, 4096);
        assertThatThrownBy(() -> BpfObject.parse("patched.o", object))
                .isInstanceOf(BpfException.class)
                .hasMessageMatching("patched.o: section 'socket', symbol 'count', offset [0-9]+:"
                        + " offset [0-9]+ is outside the 12 bytes of section '.rodata'");
    }
}
