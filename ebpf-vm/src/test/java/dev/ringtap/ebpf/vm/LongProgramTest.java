// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramType;
import java.lang.classfile.ClassFile;
import java.lang.classfile.attribute.CodeAttribute;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** HotSpot never compiles a method of more than 8,000 bytes (HugeMethodLimit), so no method may be longer. */
class LongProgramTest {
    private static final int HUGE_METHOD_LIMIT = 8_000;
    private static final Path STEERING =
            Path.of("..", "tuntap-jna", "src", "main", "resources", "dev", "ringtap", "linux", "bpf", "steering.bpf.o");

    private static Map<String, Integer> methodBytes(LinkedProgram program) {
        var methods = new TreeMap<String, Integer>();
        for (var method : ClassFile.of().parse(Compiler.classBytes(program)).methods()) {
            int bytes = ((CodeAttribute) method.code().orElseThrow()).codeLength();
            methods.put(method.methodName().stringValue(), bytes);
        }
        return methods;
    }

    @Test
    void steeringProgramIsOneMethodThatHotSpotCompiles() throws Exception {
        var object = BpfObject.parse("steering.bpf.o", Files.readAllBytes(STEERING));
        try (var vm = EbpfVm.load(object, VmOptions.defaults())) {
            var methods = methodBytes((LinkedProgram) vm.program("ringtap_steer"));
            assertTrue(methods.get("f0") <= HUGE_METHOD_LIMIT, methods.toString());
            assertEquals(3, methods.size(), methods.toString());
        }
    }

    @Test
    void longProgramIsCutAndStillRight() {
        var source = new StringBuilder("mov %r0, 1\nmov %r6, 3\nstdw [%r10-8], 0\nagain:\n");
        long expected = 1;
        int steps = 12_000;
        for (int i = 0; i < steps; i++) {
            source.append("mul %r0, 31\nadd %r0, ").append(i).append('\n');
            if (i % 50 == 0) source.append("jne %r0, 7, +1\nexit\n");
        }
        source.append("add %r6, -1\njeq %r6, 0, +1\nja32 again\nexit\n");
        for (int round = 0; round < 3; round++) for (int i = 0; i < steps; i++) expected = expected * 31 + i;
        for (var engine : Engine.values()) {
            var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, source.toString());
            assertEquals((int) expected, program.run(new byte[64]), engine.toString());
            var methods = methodBytes(program.program);
            methods.forEach((name, bytes) -> assertTrue(bytes <= HUGE_METHOD_LIMIT, name + ": " + bytes));
            assertTrue(methods.size() > 20, methods.toString());
        }
    }

    @Test
    void registersAreFollowedThroughALongChainOfJumps() throws Exception {
        // Each jumps to the one before, so that a look at all of them, last first, brings news to one.
        int links = 150_000;
        var source = new StringBuilder("mov %r6, 7\nja32 " + (links + 2) + "\nmov %r0, %r6\nexit\nja32 -3\n");
        source.append("ja32 -2\n".repeat(links));
        var code = Code.decode(Assembler.assemble(source.toString()));
        int[] slots = IntStream.range(0, code.length()).toArray();
        int[] live = Liveness.of(code, slots);
        assertEquals(1 << 6, live[1] & 1 << 6);
        assertEquals(0, live[0]);
    }

    @Test
    void manyFunctionsTakeMemoryOfTheirOwnLength() throws Exception {
        var source = new StringBuilder();
        int functions = 2_000;
        for (int i = 0; i < functions; i++)
            source.append("call local f").append(i).append('\n');
        source.append("exit\n");
        for (int i = 0; i < functions; i++)
            source.append("f").append(i).append(":\nmov %r0, ").append(i).append("\nexit\n");
        var program = new TestProgram(ProgramType.SOCKET_FILTER, Engine.COMPILED, source.toString());
        assertEquals(functions - 1, program.run(new byte[64]));
        int start = program.program.functions().last();
        assertEquals(
                2, Liveness.of(program.program.instructions(), FunctionPlan.of(program.program, start).slots).length);
        assertEquals(2, ShapeAnalysis.of(program.program, start).size());
    }
}
