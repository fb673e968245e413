// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Exit;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Pseudo;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;

/**
 * What can be said of a program without running it: where its functions begin and end, that jumps stay inside them, that
 * every instruction can be reached, and that calls neither recurse nor nest too deep.
 */
final class Structure {
    private final Code code;
    private final List<Integer> starts;
    /** Slots that more than one way leads to, where paths can meet. */
    private final BitSet meetings = new BitSet();

    Structure(Code code) throws Refusal {
        this.code = code;
        starts = findFunctions();
        for (int function = 0; function < starts.size(); function++) checkFunction(function);
        var depths = new int[starts.size()];
        for (int function = 0; function < starts.size(); function++) checkCalls(function, new ArrayDeque<>(), depths);
    }

    int functions() {
        return starts.size();
    }

    int start(int function) {
        return starts.get(function);
    }

    /** The slot behind the function's last. */
    int end(int function) {
        return function + 1 < starts.size() ? starts.get(function + 1) : code.length();
    }

    int functionAt(int slot) {
        int found = Collections.binarySearch(starts, slot);
        return found >= 0 ? found : -found - 2;
    }

    boolean isMeeting(int slot) {
        return meetings.get(slot);
    }

    /** Slots that may be executed after this one, a call's or callback's function not among them. */
    static List<Integer> successors(int slot, Instruction instruction) {
        return switch (instruction) {
            case Exit exit -> List.of();
            case Goto jump -> List.of(slot + 1 + jump.offset());
            case Jump jump -> List.of(slot + 1, slot + 1 + jump.offset());
            default -> List.of(slot + instruction.slots());
        };
    }

    /** The function that is called, or whose address is taken; -1 if the instruction does neither. */
    int calledBy(int slot) {
        int target = targetOf(slot);
        return target < 0 ? -1 : Collections.binarySearch(starts, target);
    }

    private int targetOf(int slot) {
        return switch (code.at(slot)) {
            case CallLocal call -> slot + 1 + call.offset();
            case LoadConstant load when load.pseudo() == Pseudo.FUNCTION -> slot + 1 + load.low();
            case null, default -> -1;
        };
    }

    private List<Integer> findFunctions() throws Refusal {
        var found = new TreeSet<Integer>();
        found.add(0);
        for (int slot = 0; slot < code.length(); slot++) {
            var instruction = code.at(slot);
            boolean refers = instruction instanceof CallLocal
                    || instruction instanceof LoadConstant load && load.pseudo() == Pseudo.FUNCTION;
            if (!refers) continue;
            int target = targetOf(slot);
            if (!code.isStart(target))
                throw new Refusal(slot, "there is no function at instruction " + target + ": " + outside(target));
            found.add(target);
        }
        return List.copyOf(found);
    }

    private void checkFunction(int function) throws Refusal {
        int start = start(function);
        int end = end(function);
        int last = end - 1;
        while (code.at(last) == null) last--;
        if (!(code.at(last) instanceof Exit) && !(code.at(last) instanceof Goto))
            throw new Refusal(last, "the function's last instruction is neither exit nor a jump");
        var ways = new int[end - start];
        for (int slot = start; slot < end; slot++) {
            if (code.at(slot) == null) continue;
            for (int next : successors(slot, code.at(slot))) {
                if (next < start || next >= end)
                    throw new Refusal(
                            slot,
                            "jumps to instruction " + next + ", "
                                    + (code.isStart(next) ? "in another function" : outside(next)));
                if (!code.isStart(next))
                    throw new Refusal(slot, "jumps to instruction " + next + ", the middle of a 64-bit constant");
                // A jump back is a way more than it seems: the loop's first round comes from elsewhere.
                ways[next - start] += next <= slot ? 2 : 1;
            }
        }
        for (int slot = start; slot < end; slot++) if (ways[slot - start] > 1) meetings.set(slot);
        var reached = new BitSet();
        var open = new ArrayDeque<Integer>(List.of(start));
        reached.set(start);
        while (!open.isEmpty()) {
            int slot = open.pop();
            for (int next : successors(slot, code.at(slot))) {
                if (reached.get(next)) continue;
                reached.set(next);
                open.push(next);
            }
        }
        for (int slot = start; slot < end; slot++)
            if (code.at(slot) != null && !reached.get(slot)) throw new Refusal(slot, "can never be reached");
    }

    private String outside(int slot) {
        return slot < 0 || slot >= code.length()
                ? "outside the program of " + code.length() + " instructions"
                : "the middle of a 64-bit constant";
    }

    /** Walks the calls of a function; {@code depths} remembers how deep those nest that were walked. */
    private void checkCalls(int function, ArrayDeque<Integer> callers, int[] depths) throws Refusal {
        if (depths[function] > 0) return;
        callers.push(function);
        int deepest = 0;
        for (int slot = start(function); slot < end(function); slot++) {
            int called = calledBy(slot);
            if (called < 0) continue;
            if (callers.contains(called))
                throw new Refusal(
                        slot,
                        "calls the function at instruction " + start(called) + ", which is running: recursion",
                        "turn it into a loop");
            // Asked on the way down, too: a chain of calls may be as long as the program.
            if (callers.size() < State.FRAMES_MAX) checkCalls(called, callers, depths);
            deepest = Math.max(deepest, depths[called]);
            if (callers.size() == State.FRAMES_MAX || deepest >= State.FRAMES_MAX)
                throw new Refusal(
                        slot,
                        "calls nest deeper than " + State.FRAMES_MAX + " functions",
                        "inline some of them (__always_inline)");
        }
        depths[function] = deepest + 1;
        callers.pop();
    }

    /** The functions that a function calls or has called back. */
    List<Integer> calledFrom(int function) {
        var called = new ArrayList<Integer>();
        for (int slot = start(function); slot < end(function); slot++)
            if (calledBy(slot) >= 0) called.add(calledBy(slot));
        return called;
    }
}
