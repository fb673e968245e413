// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Pseudo;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Programs from assembler, unchecked: what the checker would refuse must be harmless as well. */
final class TestProgram {
    static final long BUDGET = 100_000;

    /** Lines that programs print. */
    final List<String> trace = new ArrayList<>();

    final LinkedProgram program;

    /** @param maps what {@code lddw %r1, map 0} and so on refer to */
    TestProgram(ProgramType type, Engine engine, String source, VmMap... maps) {
        try {
            var code = Code.decode(Assembler.assemble(source));
            ControlFlow.check("test", code);
            var constants = new HashMap<Integer, Long>();
            for (int slot = 0; slot < code.length(); slot++) {
                if (code.at(slot) instanceof LoadConstant load && load.pseudo() == Pseudo.MAP)
                    constants.put(slot, Address.of(Address.MAP, load.low()));
            }
            var table = new ArrayList<ProgramMap>();
            for (var map : maps) table.add((ProgramMap) map);
            program =
                    new LinkedProgram("test", type, code, MapTable.of(table), constants, Map.of(), BUDGET, trace::add);
            program.prepare(engine);
        } catch (Exception e) {
            throw new AssertionError(source, e);
        }
    }

    long run(byte[] frame) {
        return program.run(new SkBuff().reset(frame, 0, frame.length));
    }

    long run(SkBuff skb) {
        return program.run(skb);
    }

    static VmMap map(int type, int keyBytes, int valueBytes, int entries) {
        return map(type, keyBytes, valueBytes, entries, null);
    }

    static VmMap map(int type, int keyBytes, int valueBytes, int entries, MapDefinition inner) {
        try {
            return VmMap.create(new MapDefinition("m" + type, type, keyBytes, valueBytes, entries, 0, inner));
        } catch (dev.ringtap.ebpf.object.BpfException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] u32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }

    static byte[] u64(long value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array();
    }

    static long number(byte[] value) {
        return value.length == 4 ? Memory.load(value, 0, 4) : Memory.load(value, 0, 8);
    }
}
