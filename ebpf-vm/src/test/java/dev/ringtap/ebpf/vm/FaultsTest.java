// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static dev.ringtap.ebpf.vm.TestProgram.map;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a program does wrong at run time ends the run by an exception that says where; checked programs never get there. */
class FaultsTest {
    private static final byte[] FRAME = new byte[64];
    private static final int LOOPS = 2_000;

    private static EbpfFault fault(Engine engine, String source, VmMap... maps) {
        var program = new TestProgram(ProgramType.SCHED_CLS, engine, source, maps);
        var fault = assertThrows(EbpfFault.class, () -> program.run(FRAME));
        assertTrue(
                fault.getMessage().startsWith("program 'test', instruction " + fault.slot() + ": ("),
                fault.getMessage());
        return fault;
    }

    @ParameterizedTest
    @EnumSource
    void accessOutsideMemoryNamesTheInstruction(Engine engine) {
        assertAll(
                () -> assertEquals(
                        1, fault(engine, "mov %r0, 0\nldxdw %r0, [%r0+8]\nexit").slot()),
                () -> assertEquals(0, fault(engine, "ldxdw %r0, [%r10+0]\nexit").slot()),
                () -> assertEquals(0, fault(engine, "stxb [%r10+1], %r0\nexit").slot()),
                () -> assertEquals(
                        1,
                        fault(engine, "ldxw %r2, [%r1+76]\nldxb %r0, [%r2+30000]\nexit")
                                .slot()),
                () -> assertEquals(
                        0,
                        fault(engine, "ldxw %r0, [%r1+192000]\nexit".replace("192000", "400"))
                                .slot()),
                () -> assertEquals(0, fault(engine, "stxw [%r1+0], %r1\nexit").slot()),
                () -> assertEquals(
                        2,
                        fault(engine, "lddw %r1, 0x7700000000\nldxw %r0, [%r1]\nexit")
                                .slot()),
                () -> assertEquals(
                        2,
                        fault(engine, "lddw %r1, 0x8000000000000000\nldxw %r0, [%r1]\nexit")
                                .slot()));
    }

    @ParameterizedTest
    @EnumSource
    void valueOfAMapEndsWhereTheMapEnds(Engine engine) {
        String source = """
                stw [%r10-4], 0
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                call 1
                stxdw [%r0+OFFSET], %r0
                mov %r0, 0
                exit
                """;
        var array = map(MapDefinition.ARRAY, 4, 8, 2);
        assertEquals(6, fault(engine, source.replace("OFFSET", "16"), array).slot());
        assertEquals(6, fault(engine, source.replace("+OFFSET", "-1"), array).slot());
        assertEquals(
                0, new TestProgram(ProgramType.SCHED_CLS, engine, source.replace("OFFSET", "8"), array).run(FRAME));
    }

    @ParameterizedTest
    @EnumSource
    void missingValueIsNoMemory(Engine engine) {
        var hash = map(MapDefinition.HASH, 4, 8, 1);
        assertEquals(6, fault(engine, """
                                stw [%r10-4], 0
                                lddw %r1, map 0
                                mov %r2, %r10
                                add %r2, -4
                                call 1
                                ldxdw %r0, [%r0+0]
                                exit
                                """, hash).slot());
    }

    @ParameterizedTest
    @EnumSource
    void atomicOperationMustBeAligned(Engine engine) {
        assertEquals(0, fault(engine, "lock add [%r10-12], %r1\nexit").slot());
    }

    @ParameterizedTest
    @EnumSource
    void loopEndsWithTheBudget(Engine engine) {
        var fault = fault(engine, "mov %r0, 0\nagain:\nadd %r0, 1\nja again\nexit");
        assertTrue(fault.getMessage().contains(TestProgram.BUDGET + " instructions"), fault.getMessage());
        fault(engine, "mov %r0, 0\nagain:\nadd %r0, 1\njne %r0, 0, again\nexit");
        fault(engine, """
                mov %r1, 0x700000
                lddw %r2, func empty
                mov %r3, 0
                mov %r4, 0
                call 181
                exit
                empty:
                mov %r0, 0
                exit
                """);
    }

    @ParameterizedTest
    @EnumSource
    void elementsCountEvenIfTheirCallbackIsEmpty(Engine engine) {
        String source = """
                lddw %r1, map 0
                lddw %r2, func empty
                mov %r3, 0
                mov %r4, 0
                call 164
                exit
                empty:
                mov %r0, 0
                exit
                """;
        fault(engine, source, map(MapDefinition.ARRAY, 4, 8, (int) TestProgram.BUDGET));
        var few = map(MapDefinition.HASH, 4, 8, (int) TestProgram.BUDGET);
        few.update(new byte[4], new byte[8]);
        assertEquals(1, new TestProgram(ProgramType.SCHED_CLS, engine, source, few).run(FRAME));
    }

    /** Calls back a function of a hundred instructions, which skips all but a few if it starts with a jump. */
    private static String loop(String first) {
        return "mov %r1, " + LOOPS + """

                lddw %r2, func long
                mov %r3, 0
                mov %r4, 0
                call 181
                exit
                long:
                mov %r0, 0
                """ + first + "\n" + "mov %r0, 0\n".repeat(100) + """
                end:
                jeq %r0, 1, other
                call local other
                exit
                other:
                mov %r0, 0
                exit
                """;
    }

    @ParameterizedTest
    @EnumSource
    void callbacksCountByTheInstructionsThatTheyTake(Engine engine) throws Exception {
        fault(engine, loop(""));
        assertEquals(LOOPS, new TestProgram(ProgramType.SCHED_CLS, engine, loop("ja end")).run(FRAME));
        // 4 at first, 7 in each of 2,000 rounds and one for the round itself.
        var program = new TestProgram(ProgramType.SCHED_CLS, engine, loop("ja end")).program;
        var small = engine == Engine.COMPILED ? Compiler.compile(program, 100) : program.code();
        for (var code : new ProgramCode[] {program.code(), small}) {
            program.prepare(code);
            var skb = new SkBuff().reset(FRAME, 0, FRAME.length);
            program.run(skb);
            long spent = TestProgram.BUDGET - skb.run.budget;
            assertTrue(spent >= 8 * LOOPS && spent < 8 * LOOPS + 10, "spent " + spent);
        }
    }

    @ParameterizedTest
    @EnumSource
    void tooManyFramesAreRefused(Engine engine) {
        var fault = fault(engine, "call local again\nexit\nagain:\ncall local again\nexit");
        assertEquals(2, fault.slot());
        assertTrue(fault.getMessage().contains("functions are active"), fault.getMessage());
    }

    @ParameterizedTest
    @EnumSource
    void mapsAreWalkedAsDeepAsFunctionsNest(Engine engine) {
        // The program and 7 callbacks. Each answers 1 if its own walk ended where it should.
        var source = new StringBuilder("mov %r2, 0\n");
        for (int function = 0; function < 7; function++) {
            source.append("""
                    mov %r3, %r2
                    lddw %r1, map 0
                    lddw %r2, func CALLED
                    mov %r4, 0
                    call 164
                    jeq %r0, EXPECTED, rightCALLED
                    mov %r0, 0
                    exit
                    rightCALLED:
                    mov %r0, 1
                    exit
                    CALLED:
                    """.replace("CALLED", "f" + (function + 1)).replace("EXPECTED", function == 6 ? "3" : "1"));
        }
        // The last ends its walk at key 2, if the walk that called it is still at key 0.
        source.append("""
                ldxw %r0, [%r2]
                ldxw %r5, [%r4]
                lsh %r5, 8
                or %r0, %r5
                jeq %r0, 2, end
                mov %r0, 0
                exit
                end:
                mov %r0, 1
                exit
                """);
        var array = map(MapDefinition.ARRAY, 4, 8, 4);
        assertEquals(1, new TestProgram(ProgramType.SCHED_CLS, engine, source.toString(), array).run(FRAME));
    }

    @ParameterizedTest
    @EnumSource
    void whatIsNoProgramIsRefusedAtLoad(Engine engine) throws Exception {
        var options = VmOptions.defaults().withEngine(engine);
        for (String source : new String[] {"ja +1\nexit", "mov %r0, 0", "call 4000\nexit", "jeq %r0, 0, +7\nexit"}) {
            byte[] code = Assembler.assemble(source);
            assertThrows(BpfException.class, () -> EbpfVm.memoryProgram("bad", code, options), source);
        }
    }
}
