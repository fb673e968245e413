// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Random programs. What the check accepts must run without a fault on any memory, with every register inside what the
 * check said of it; and it must not accept, because paths met, what it refuses when it follows every path to its end.
 *
 * <p>{@code -Dringtap.check.programs=N} makes it run longer, {@code -Dringtap.check.seed=S} repeats a run.
 */
class SoundnessTest {
    private static final int PROGRAMS = Integer.getInteger("ringtap.check.programs", 4_000);
    private static final int MEMORY_BYTES = 24;
    private static final int RUNS = 6;
    private static final int STEPS_MAX = 10_000;
    private static final CheckOptions OPTIONS = CheckOptions.defaults().withInstructionsMax(4_000);

    private final long seed = Long.getLong("ringtap.check.seed", new Random().nextLong());
    private final Random random = new Random(seed);

    @Test
    void acceptedProgramsStayInsideWhatTheCheckSaid() throws Exception {
        int accepted = 0;
        for (int i = 0; i < PROGRAMS; i++) {
            String source = new RandomProgram(random, MEMORY_BYTES).source();
            var code = Code.decode(
                    Assembly.program(ProgramType.SOCKET_FILTER, source).instructions());
            try {
                Checker.checkOnMemory("random", code, MEMORY_BYTES, OPTIONS);
            } catch (ProgramRefusedException refused) {
                continue;
            }
            accepted++;
            var states = statesOfEveryPath(code, source);
            for (int run = 0; run < RUNS; run++) run(code, source, states);
        }
        // A generator whose programs are all refused would prove nothing.
        int enough = PROGRAMS / 10;
        int count = accepted;
        assertTrue(count > enough, () -> "only " + count + " of " + PROGRAMS + " programs were accepted");
    }

    /** What was known before each instruction, or null if following every path takes too long. */
    private Map<Integer, List<State>> statesOfEveryPath(Code code, String source) throws Refusal {
        var subject = new Subject(code, null, MEMORY_BYTES, Map.of(), Map.of());
        var explorer = new Explorer(subject, new Structure(code), KfuncTable.NONE, 40_000);
        var states = new HashMap<Integer, List<State>>();
        explorer.observe(state ->
                states.computeIfAbsent(state.slot, any -> new ArrayList<>()).add(state.copy()));
        try {
            explorer.run();
            return states;
        } catch (Refusal refusal) {
            if (refusal.getMessage().contains("given up")) return null;
            return fail("seed " + seed + ": accepted since paths met, but instruction " + refusal.slot() + ": "
                    + refusal.getMessage() + "\n" + source);
        }
    }

    private void run(Code code, String source, Map<Integer, List<State>> states) {
        byte[] memory = new byte[MEMORY_BYTES];
        random.nextBytes(memory);
        // Numbers at the edges decide more branches than others.
        for (int i = 0; i < MEMORY_BYTES; i += 8) {
            int kind = random.nextInt(4);
            for (int j = i; kind < 3 && j < i + 8; j++) memory[j] = (byte) (kind - 1);
            if (kind < 3) memory[i] = (byte) random.nextInt(-3, 40);
        }
        var machine = new PlainMachine(code, memory, (byte) random.nextInt());
        for (int step = 0; ; step++) {
            int slot = machine.slot;
            if (states != null) assertInside(machine, states.getOrDefault(slot, List.of()), source);
            try {
                if (!machine.step()) return;
            } catch (PlainMachine.Fault fault) {
                fail("seed " + seed + ": instruction " + slot + ": " + fault.getMessage() + "\n" + source);
            }
            if (step > STEPS_MAX) fail("seed " + seed + ": does not end\n" + source);
        }
    }

    private void assertInside(PlainMachine machine, List<State> states, String source) {
        for (var state : states) if (isInside(machine, state)) return;
        fail("seed " + seed + ": instruction " + machine.slot + " with " + Arrays.toString(machine.registers)
                + " is in none of " + states.size() + " states\n" + source);
    }

    private static boolean isInside(PlainMachine machine, State state) {
        if (state.frames.size() != machine.depth() + 1) return false;
        for (int register = 0; register < Code.REGISTERS; register++)
            if (!isInside(state.get(register), machine.registers[register], 8)) return false;
        for (int frame = 0; frame < state.frames.size(); frame++) {
            var stack = state.frames.get(frame).stack;
            for (int i = 0; i < stack.cells(); i++) {
                var cell = stack.cell(i);
                if (cell.value() == null) continue;
                long value = machine.stack(frame, -Stack.CELL_BYTES * (i + 1), cell.widthBytes());
                if (!isInside(cell.value(), value, cell.widthBytes())) return false;
            }
        }
        return true;
    }

    private static boolean isInside(Value value, long number, int bytes) {
        return switch (value) {
            case Value.Unusable unusable -> true;
            case Scalar scalar -> scalar.range().contains(number);
            case Pointer pointer -> {
                long base = pointer.region().kind() == BaseKind.STACK
                        ? PlainMachine.STACKS + pointer.region().frame() * PlainMachine.BETWEEN_STACKS
                        : PlainMachine.MEMORY;
                yield pointer.distance().contains(number - base);
            }
        };
    }
}
