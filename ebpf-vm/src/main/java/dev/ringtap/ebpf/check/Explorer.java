// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Coverage.Strictness;
import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.check.Value.Unusable;
import dev.ringtap.ebpf.isa.Instruction.Alu;
import dev.ringtap.ebpf.isa.Instruction.Atomic;
import dev.ringtap.ebpf.isa.Instruction.CallHelper;
import dev.ringtap.ebpf.isa.Instruction.CallKfunc;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Exit;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.Load;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Instruction.LoadPacket;
import dev.ringtap.ebpf.isa.Instruction.Store;
import dev.ringtap.ebpf.isa.Instruction.StoreConstant;
import dev.ringtap.ebpf.isa.Instruction.Swap;
import dev.ringtap.ebpf.isa.Pseudo;
import dev.ringtap.ebpf.object.MapDefinition;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Follows every path through a program, with what is known in place of values. Where ways meet, states are kept: a path
 * ends that comes to what was looked at already. So the number of paths stays small, and if it does not, the budget of
 * instructions ends the check.
 */
final class Explorer {
    /** Rounds of a callback that are looked at as they are, before what differs between them is given up. */
    private static final int EXACT_ROUNDS = 3;

    /** Branches that wait to be followed, each with its state. The kernel has this limit too. */
    private static final int OPEN_PATHS_MAX = 8192;

    /**
     * Numbers and pieces of the stack that can be marked, in all kept states together: a mark takes some 24 bytes, and the
     * states that are still compared with about as much again. A path holds the marks of all states that it went through,
     * so a loop of very many rounds over a stack that is full would take gigabytes.
     */
    private static final int MARKS_MAX = 5_000_000;

    private final Subject subject;
    private final Structure structure;
    private final Liveness liveness;
    private final Facts facts;
    private final int instructionsMax;
    private final Arithmetic arithmetic = new Arithmetic(this::newId);
    private final MemoryAccess memory;
    private final Calls calls;

    private final ArrayDeque<State> open = new ArrayDeque<>();
    private final Map<Integer, List<KeptState>> kept = new HashMap<>();
    private int lastId;
    private int marks;
    private State current;

    /** Sees each state before its instruction; tests compare runs with them. */
    private Consumer<State> observer = state -> {};

    private boolean meets = true;

    Explorer(Subject subject, Structure structure, KfuncTable kfuncs, int instructionsMax) {
        this.subject = subject;
        this.structure = structure;
        this.instructionsMax = instructionsMax;
        liveness = new Liveness(subject.code());
        facts = new Facts(subject.code().length(), structure.functions());
        memory = new MemoryAccess(subject.type(), facts);
        calls = new Calls(subject, structure, memory, kfuncs, this::newId);
    }

    /** Shows every state, and follows every path to its end. */
    void observe(Consumer<State> observer) {
        this.observer = observer;
        meets = false;
    }

    Facts facts() {
        return facts;
    }

    /** The last decisions of the path that was refused. */
    List<Decision> lastDecisions(int count) {
        return current == null ? List.of() : Decision.last(current.decisions, count);
    }

    void run() throws Refusal {
        open.push(firstState());
        while (!open.isEmpty()) {
            current = open.pop();
            while (step()) {
                // The path goes on.
            }
            KeptState.pathEnds(current.parent);
        }
        checkStackDepth();
    }

    private State firstState() {
        var frame = new Frame(0, -1, null, 0);
        if (subject.type() == null) {
            frame.registers[1] = Pointer.to(Region.memory(subject.memoryBytes()));
            frame.registers[2] = Scalar.of(subject.memoryBytes());
        } else {
            frame.registers[1] = Pointer.to(Region.CONTEXT);
        }
        return new State(frame);
    }

    private int newId() {
        return ++lastId;
    }

    /** Executes one instruction. Returns whether the path goes on. */
    private boolean step() throws Refusal {
        int slot = current.slot;
        // Where a helper calls back, its call is a loop.
        if (isCallback(slot) && !current.callbackReturned) current.activation = new Activation();
        if (meets && (structure.isMeeting(slot) || current.callbackReturned || isCallback(slot)) && arrive())
            return false;
        if (current.callbackReturned && !meets) return false;
        current.callbackReturned = false;
        if (++facts.instructionsProcessed > instructionsMax)
            throw new Refusal(
                    slot,
                    "the check was given up after " + instructionsMax + " instructions on all paths together",
                    "make loops shorter, or let paths meet in fewer different states; a loop whose end depends on "
                            + "what is not known here may have no end");
        facts.executed(slot);
        observer.accept(current);
        switch (subject.code().at(slot)) {
            case Alu alu -> {
                arithmetic.execute(current, alu);
                current.slot++;
            }
            case Swap swap -> {
                arithmetic.execute(current, swap);
                current.slot++;
            }
            case LoadConstant load -> {
                current.set(load.dst(), constant(slot, load));
                current.slot += 2;
            }
            case Load load -> {
                memory.execute(current, load);
                current.slot++;
            }
            case Store store -> {
                memory.execute(current, store);
                current.slot++;
            }
            case StoreConstant store -> {
                memory.execute(current, store);
                current.slot++;
            }
            case Atomic atomic -> {
                memory.execute(current, atomic);
                current.slot++;
            }
            case LoadPacket load -> calls.loadPacket(current, load);
            case Goto jump -> current.slot += 1 + jump.offset();
            case Jump jump -> {
                return branch(jump);
            }
            case CallHelper call -> {
                var callback = calls.helper(current, call.number());
                if (callback != null) fork(callback);
            }
            case CallLocal call -> calls.local(current);
            case CallKfunc call -> calls.kfunc(current);
            case Exit exit -> {
                return calls.exit(current);
            }
        }
        return true;
    }

    private boolean isCallback(int slot) {
        if (!(subject.code().at(slot) instanceof CallHelper call)) return false;
        var prototype = HelperPrototype.of(call.number());
        return prototype != null && prototype.callsBack();
    }

    private boolean branch(Jump jump) throws Refusal {
        int slot = current.slot;
        int target = slot + 1 + jump.offset();
        var ways = Branches.of(current, jump);
        if (ways.taken() != null) go(ways.taken(), slot, true, target);
        if (ways.notTaken() != null) go(ways.notTaken(), slot, false, slot + 1);
        if (ways.notTaken() == null) {
            if (ways.taken() == null) return false;
            current = ways.taken();
            return true;
        }
        if (ways.taken() != null) fork(ways.taken());
        current = ways.notTaken();
        return true;
    }

    private static void go(State state, int slot, boolean taken, int to) {
        state.decisions = new Decision(state.decisions, slot, taken);
        state.slot = to;
    }

    private void fork(State state) throws Refusal {
        if (open.size() == OPEN_PATHS_MAX)
            throw new Refusal(
                    current.slot,
                    "the check was given up with " + OPEN_PATHS_MAX + " branches of one path to go back to",
                    "a loop whose end depends on what is not known here may have no end");
        KeptState.pathBegins(state.parent);
        open.push(state);
    }

    private Value constant(int slot, LoadConstant load) throws Refusal {
        return switch (load.pseudo()) {
            case NONE -> Scalar.of(load.value());
            case FUNCTION -> Pointer.to(Region.function(structure.start(structure.calledBy(slot))));
            case MAP, MAP_INDEX, MAP_VALUE, MAP_VALUE_INDEX -> {
                var map = subject.maps().get(slot);
                if (map == null)
                    throw new Refusal(slot, "loads the address of a map, but the object does not say which");
                boolean value = load.pseudo() == Pseudo.MAP_VALUE || load.pseudo() == Pseudo.MAP_VALUE_INDEX;
                if (!value) yield Pointer.to(Region.map(map));
                if (map.type() != MapDefinition.ARRAY)
                    throw new Refusal(slot, "loads an address in map '" + map.name() + "' of type " + map.typeName());
                int offset = load.high();
                if (offset < 0 || offset >= map.valueBytes())
                    throw new Refusal(
                            slot,
                            "offset " + offset + " is outside the " + map.valueBytes() + " bytes of map '" + map.name()
                                    + "'");
                yield Pointer.to(Region.mapValue(map), offset);
            }
            case KERNEL_VARIABLE ->
                throw new Refusal(slot, "loads the address of a kernel variable: there are none here");
        };
    }

    /** Where paths can meet. Returns whether this one ends here, since all that follows was looked at. */
    private boolean arrive() throws Refusal {
        int slot = current.slot;
        forgetDead();
        int fingerprint = current.fingerprint();
        var here = kept.computeIfAbsent(slot, any -> new ArrayList<>());
        for (var each = here.iterator(); each.hasNext(); ) {
            var state = each.next();
            if (state.isComplete()) {
                if (mayEndIn(state.state()) && Coverage.covers(state.state(), current, Strictness.WHAT_MATTERED)) {
                    state.hit();
                    Coverage.passOn(state.state(), current, false);
                    return true;
                }
            } else if (current.callbackReturned) {
                // The helper makes an end of the loop; what happens in a further round was seen in that one.
                if (state.state().activation == current.activation
                        && Coverage.covers(state.state(), current, Strictness.EVERYTHING)) {
                    Coverage.passOn(state.state(), current, true);
                    return true;
                }
            } else if (state.state().callbacksReturned == current.callbacksReturned
                    && state.fingerprint == fingerprint
                    && Coverage.covers(state.state(), current, Strictness.SAME)) {
                throw new Refusal(
                        slot,
                        "a loop without an end: the path came back here, and nothing has changed since",
                        "let a counter that is known here end it");
            }
            if (state.missed()) each.remove();
        }
        if (current.callbackReturned) giveUpDifferences(here);
        marks += current.keep();
        if (marks > MARKS_MAX)
            throw new Refusal(
                    slot,
                    "the check was given up with " + MARKS_MAX + " numbers and pieces of the stack to remember, in "
                            + facts.statesKept + " states",
                    "make loops shorter, or let less of the stack be in use where they run");
        var state = new KeptState(current.copy());
        current.parent = state;
        here.add(state);
        if (current.activation != null) current.activation.begins(state);
        facts.statesKept++;
        return false;
    }

    /**
     * Whether the path may end in a complete state as far as loops go. From a state inside a helper's call, paths may have
     * ended in an earlier round of that call, since it has a last one. That is no reason for another call: while the
     * first is not complete, this path may be a further round of a loop of the program's around both.
     */
    private boolean mayEndIn(State state) {
        if (!mayEndIn(state.activation, current.activation)) return false;
        int frames = Math.min(state.frames.size(), current.frames.size());
        for (int i = 0; i < frames; i++)
            if (!mayEndIn(state.frames.get(i).activation, current.frames.get(i).activation)) return false;
        return true;
    }

    private static boolean mayEndIn(Activation kept, Activation now) {
        return kept == null || kept == now || kept.isComplete();
    }

    /** What no instruction will read, need not be the same where paths meet. */
    private void forgetDead() {
        var frames = current.frames;
        for (int i = 0; i < frames.size(); i++) {
            var frame = frames.get(i);
            boolean runs = i == frames.size() - 1;
            // A caller goes on behind its call; that of a callback is looked at again.
            int slot = runs
                    ? current.slot
                    : frames.get(i + 1).callSite + (frames.get(i + 1).isCallback() ? 0 : 1);
            for (int register = 0; register < frame.registers.length; register++) {
                if (liveness.isLive(slot, register) || frame.registers[register] instanceof Unusable) continue;
                frame.registers[register] = Unusable.NOT_LIVE;
            }
        }
    }

    /** After some rounds of a callback, numbers that change from round to round become unknown, so that it ends. */
    private void giveUpDifferences(List<KeptState> here) {
        State last = null;
        int rounds = 0;
        for (var state : here) {
            if (state.isComplete() || state.state().activation != current.activation) continue;
            last = state.state();
            rounds++;
        }
        if (rounds <= EXACT_ROUNDS) return;
        for (int i = 0; i < current.frames.size(); i++) {
            var before = last.frames.get(i);
            var now = current.frames.get(i);
            for (int register = 0; register < now.registers.length; register++)
                now.registers[register] = widened(before.registers[register], now.registers[register], 8);
            now.stack.widen(before.stack);
        }
    }

    /** {@code now}, or any number of so many bytes if it is a number that is not in what there was before. */
    static Value widened(Value before, Value now, int bytes) {
        if (!(before instanceof Scalar old) || !(now instanceof Scalar number)) return now;
        return old.range().contains(number.range()) ? now : Scalar.of(Range.ofBytes(bytes));
    }

    private void checkStackDepth() throws Refusal {
        var depths = new StackDepths(structure.functions(), structure::calledFrom, facts::stackBytes);
        for (int function = 0; function < structure.functions(); function++) {
            int deepest = depths.of(function);
            if (deepest > Stack.BYTES)
                throw new Refusal(
                        structure.start(function),
                        "this function and those that it calls need " + deepest
                                + " bytes of stack together, and there are " + Stack.BYTES,
                        "keep large variables in a map");
        }
    }
}
