// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/**
 * Random programs give the same in the interpreter, compiled, and compiled in many small methods: the result, the map, the
 * packet, the context, and where a fault is. Seed and number of programs: {@code -Dringtap.seed}, {@code -Dringtap.programs}.
 */
class EnginesAgreeTest {
    private static final int SMALL_METHOD_BYTES = 400;
    private static final int MAP_SLOT = 2;
    private static final HexFormat HEX = HexFormat.of();

    @Test
    void onProgramsThatStayInTheirMemory() throws Exception {
        assertEquals(0, faultsOf(false));
    }

    @Test
    void onProgramsThatLeaveTheirMemory() throws Exception {
        int faults = faultsOf(true);
        assertTrue(faults > 5, "only " + faults + " programs left their memory");
    }

    private static int faultsOf(boolean wild) throws Exception {
        long seed = Long.getLong("ringtap.seed", System.nanoTime());
        int programs = Integer.getInteger("ringtap.programs", 150);
        System.out.println("EnginesAgreeTest: " + programs + " programs, -Dringtap.seed=" + seed);
        var random = new Random(seed);
        int faults = 0;
        for (int i = 0; i < programs; i++) {
            var code = Code.decode(RandomProgram.generate(random, wild));
            byte[] packet = new byte[RandomProgram.PACKET_BYTES];
            random.nextBytes(packet);
            String expected = outcome(code, packet, Interpreter::new);
            assertEquals(
                    expected, outcome(code, packet, Compiler::compile), () -> "compiled, seed " + seed + "\n" + code);
            assertEquals(
                    expected,
                    outcome(code, packet, program -> Compiler.compile(program, SMALL_METHOD_BYTES)),
                    () -> "compiled in small methods, seed " + seed + "\n" + code);
            if (expected.startsWith("fault")) faults++;
        }
        return faults;
    }

    private static String outcome(Code code, byte[] packet, Function<LinkedProgram, ProgramCode> engine)
            throws Exception {
        var map = ProgramMap.create(
                new MapDefinition("values", MapDefinition.ARRAY, 4, RandomProgram.VALUE_BYTES, 1, 0, null));
        var program = new LinkedProgram(
                "random",
                ProgramType.SCHED_CLS,
                code,
                MapTable.of(List.of(map)),
                Map.of(MAP_SLOT, Address.of(Address.MAP, 0)),
                Map.of(),
                100_000,
                line -> {});
        program.prepare(engine.apply(program));
        var skb = new SkBuff().reset(packet, 0, packet.length);
        skb.hash(0x12345678).mark(7).vlanTag(0x88A8, 5).priority(-3).ifindex(2);
        String result;
        try {
            result = "r0 " + Long.toHexString(program.run(skb));
        } catch (EbpfFault fault) {
            result = "fault at " + fault.slot();
        }
        return result
                + "\nvalue " + HEX.formatHex(map.lookup(new byte[4]))
                + "\npacket "
                + HEX.formatHex(Arrays.copyOfRange(skb.data(), skb.offset(), skb.offset() + skb.length()))
                + "\ncb " + HEX.formatHex(skb.cb) + " mark " + skb.mark() + " queue " + skb.queueMapping()
                + " priority "
                + skb.priority() + " tc_index " + skb.tcIndex();
    }
}
