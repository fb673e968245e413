// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static dev.ringtap.ebpf.check.Arithmetic.name;
import static dev.ringtap.ebpf.check.Arithmetic.usable;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.check.Value.Unusable;
import dev.ringtap.ebpf.isa.HelperNames;
import dev.ringtap.ebpf.isa.Instruction.LoadPacket;
import dev.ringtap.ebpf.object.MapDefinition;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;

/** Calls of helpers, kernel functions and the program's own functions, and returns from the latter. */
final class Calls {
    /** Rounds that bpf_loop makes at most, as in the kernel. */
    private static final long LOOP_ROUNDS_MAX = 1 << 23;

    private static final int ARGUMENTS = 5;
    private static final long RECORD_BYTES_MAX = (1L << 30) - 1;

    private final Subject subject;
    private final Structure structure;
    private final MemoryAccess memory;
    private final KfuncTable kfuncs;
    private final IntSupplier newId;

    Calls(Subject subject, Structure structure, MemoryAccess memory, KfuncTable kfuncs, IntSupplier newId) {
        this.subject = subject;
        this.structure = structure;
        this.memory = memory;
        this.kfuncs = kfuncs;
        this.newId = newId;
    }

    /** @return the state in which the helper calls the program back, or null. Then {@code state} is after the call */
    State helper(State state, int number) throws Refusal {
        var prototype = prototype(state.slot, number);
        String helper = HelperNames.of(number);
        MapDefinition map = null;
        Pointer released = null;
        long recordBytes = 0;
        for (int i = 0; i < prototype.arguments().size(); i++) {
            int register = i + 1;
            switch (prototype.arguments().get(i)) {
                case ANYTHING -> MemoryAccess.number(state, register);
                case CONTEXT -> context(state, register, helper);
                case MAP -> map = map(state, register, prototype, helper);
                case MAP_KEY -> memory.forHelper(state, register, map.keyBytes(), map.keyBytes(), false, true);
                case MAP_VALUE -> memory.forHelper(state, register, map.valueBytes(), map.valueBytes(), false, true);
                case MEMORY, MEMORY_OUT, MEMORY_OR_NULL -> {
                    // Checked with the size, which comes next.
                }
                case SIZE, SIZE_OR_ZERO ->
                    sized(state, register, prototype, prototype.arguments().get(i - 1));
                case RECORD_BYTES -> recordBytes = recordBytes(state, register);
                case RECORD -> released = record(state, register, helper);
                case CALLBACK -> function(state, register, helper);
                case CALLBACK_CONTEXT -> usable(state, register);
            }
        }
        if (prototype.changesMap() && (map.flags() & MapDefinition.READ_ONLY_FOR_PROGRAMS) != 0)
            throw new Refusal(
                    state.slot, helper + " of map '" + map.name() + "', which programs only read (BPF_F_RDONLY_PROG)");
        var callback = prototype.callsBack() ? callback(state, number, map) : null;
        if (prototype.changesPacket()) losePacket(state, helper);
        if (released != null) release(state, released, helper);
        clobber(state);
        int slot = state.slot;
        state.set(
                0,
                switch (prototype.result()) {
                    case NUMBER -> Scalar.UNKNOWN;
                    case NOTHING ->
                        new Unusable("holds nothing: " + helper + " at instruction " + slot + " gives no result");
                    case MAP_VALUE_OR_NULL ->
                        Pointer.orNull(
                                map.isMapOfMaps() ? Region.map(map.inner()) : Region.mapValue(map),
                                newId.getAsInt(),
                                0);
                    case RECORD_OR_NULL -> {
                        int reference = newId.getAsInt();
                        state.references.put(reference, slot);
                        yield Pointer.orNull(Region.record(recordBytes), reference, reference);
                    }
                });
        state.activation = null;
        state.slot++;
        return callback;
    }

    private HelperPrototype prototype(int slot, int number) throws Refusal {
        var prototype = HelperPrototype.of(number);
        String helper = HelperNames.of(number) + "#" + number;
        if (prototype == null) throw new Refusal(slot, "calls helper " + helper + ", which is not supported here");
        if (subject.type() != null && !prototype.types().contains(subject.type()))
            throw new Refusal(
                    slot,
                    "calls helper " + helper + ", which programs of type '"
                            + subject.type().title() + "' must not",
                    "it is for programs of type "
                            + prototype.types().stream()
                                    .map(type -> "'" + type.title() + "'")
                                    .collect(Collectors.joining(" and ")));
        return prototype;
    }

    private static void context(State state, int register, String callee) throws Refusal {
        var value = usable(state, register);
        if (!(value instanceof Pointer pointer) || pointer.region().kind() != BaseKind.CONTEXT)
            throw new Refusal(state.slot, name(register) + " " + value + ": " + callee + " wants the context there");
    }

    private static MapDefinition map(State state, int register, HelperPrototype prototype, String helper)
            throws Refusal {
        var value = usable(state, register);
        if (!(value instanceof Pointer pointer) || pointer.region().kind() != BaseKind.MAP)
            throw new Refusal(state.slot, name(register) + " " + value + ": " + helper + " wants a map there");
        if (pointer.orNull())
            throw new Refusal(
                    state.slot, name(register) + " " + value + ": used without a check", "compare it with null before");
        var map = pointer.region().map();
        if (!prototype.accepts(map))
            throw new Refusal(
                    state.slot, helper + " does not work on map '" + map.name() + "' of type " + map.typeName());
        return map;
    }

    private void sized(State state, int register, HelperPrototype prototype, HelperPrototype.Argument argument)
            throws Refusal {
        var size = MemoryAccess.number(state, register);
        Origin.need(size.origin());
        var bounds = size.range().whole();
        if (bounds.smin() < 0)
            throw new Refusal(
                    state.slot,
                    name(register) + " " + size + ": as a size it may be negative",
                    "keep it in an unsigned variable and compare it with its limits before");
        boolean zero = prototype.arguments().get(register - 1) == HelperPrototype.Argument.SIZE_OR_ZERO;
        if (bounds.umin() == 0 && !zero)
            throw new Refusal(
                    state.slot, name(register) + " " + size + ": as a size it may be zero", "check for zero before");
        if (argument == HelperPrototype.Argument.MEMORY_OR_NULL
                && usable(state, register - 1) instanceof Scalar pointer
                && pointer.range().isZero()) {
            Origin.need(pointer.origin());
            if (bounds.umax() == 0) return;
            throw new Refusal(state.slot, name(register - 1) + " is null, and the size is not zero");
        }
        boolean out = argument == HelperPrototype.Argument.MEMORY_OUT;
        memory.forHelper(state, register - 1, bounds.umin(), bounds.umax(), out, prototype.packetAccess());
    }

    private static long recordBytes(State state, int register) throws Refusal {
        var size = MemoryAccess.number(state, register);
        Origin.need(size.origin());
        if (!size.range().isConstant()
                || size.range().constant() <= 0
                || size.range().constant() > RECORD_BYTES_MAX)
            throw new Refusal(
                    state.slot,
                    name(register) + " " + size + ": the size of a record to reserve is a positive constant");
        return size.range().constant();
    }

    private static Pointer record(State state, int register, String helper) throws Refusal {
        var value = usable(state, register);
        if (!(value instanceof Pointer pointer) || pointer.region().kind() != BaseKind.RECORD)
            throw new Refusal(
                    state.slot, name(register) + " " + value + ": " + helper + " wants a reserved record there");
        if (pointer.orNull())
            throw new Refusal(
                    state.slot, name(register) + " " + value + ": used without a check", "compare it with null before");
        if (!pointer.distance().isZero())
            throw new Refusal(
                    state.slot, name(register) + " " + value + ": " + helper + " wants the record's beginning");
        return pointer;
    }

    private static int function(State state, int register, String helper) throws Refusal {
        var value = usable(state, register);
        if (!(value instanceof Pointer pointer) || pointer.region().kind() != BaseKind.FUNCTION)
            throw new Refusal(
                    state.slot,
                    name(register) + " " + value + ": " + helper + " wants a function of the program there");
        return pointer.region().function();
    }

    /** The state at the beginning of the function that a helper calls, some time. */
    private State callback(State state, int number, MapDefinition map) throws Refusal {
        int start = function(state, 2, HelperNames.of(number));
        var called = state.copy();
        var frame = enter(called, structure.functionAt(start), state.activation);
        var given = usable(state, 3);
        if (number == HelperPrototype.LOOP) {
            frame.registers[1] = Scalar.of(Range.ofUnsigned(0, LOOP_ROUNDS_MAX - 1));
            frame.registers[2] = given;
        } else {
            frame.registers[1] = Pointer.to(Region.map(map));
            frame.registers[2] = Pointer.to(Region.mapKey(map, called.frames.size() - 1));
            frame.registers[3] = Pointer.to(Region.mapValue(map));
            frame.registers[4] = given;
        }
        return called;
    }

    private Frame enter(State state, int function, Activation activation) throws Refusal {
        if (state.frames.size() == State.FRAMES_MAX)
            throw new Refusal(state.slot, "calls nest deeper than " + State.FRAMES_MAX + " functions");
        var frame = new Frame(function, state.slot, activation, state.frames.size());
        state.frames.add(frame);
        state.activation = null;
        state.slot = structure.start(function);
        return frame;
    }

    /** A call of a function of the program. */
    void local(State state) throws Refusal {
        int function = structure.calledBy(state.slot);
        var caller = state.frame();
        var callee = enter(state, function, null);
        System.arraycopy(caller.registers, 1, callee.registers, 1, ARGUMENTS);
        clobber(caller, callee.callSite);
    }

    void kfunc(State state) throws Refusal {
        int slot = state.slot;
        var call = subject.kfuncs().get(slot);
        if (call == null) throw new Refusal(slot, "calls a kernel function, but the object does not say which");
        var arguments = kfuncs.arguments(call.name(), call.version());
        if (arguments.isEmpty()) {
            var versions = kfuncs.versions(call.name());
            throw new Refusal(
                    slot,
                    "needs kernel function " + call.title()
                            + (versions.isEmpty()
                                    ? ", which this runtime does not export"
                                    : "; this runtime exports version "
                                            + versions.stream()
                                                    .map(String::valueOf)
                                                    .collect(Collectors.joining(", "))));
        }
        for (int i = 0; i < arguments.get().size(); i++) {
            switch (arguments.get().get(i)) {
                case CONTEXT -> context(state, i + 1, call.title());
                case NUMBER -> MemoryAccess.number(state, i + 1);
            }
        }
        clobber(state);
        state.set(0, Scalar.UNKNOWN);
        state.slot++;
    }

    /** The classic load from the packet. */
    void loadPacket(State state, LoadPacket load) throws Refusal {
        if (subject.type() == null) throw new Refusal(state.slot, "loads from a packet, and there is none");
        context(state, 6, "a load from the packet");
        if (load.indirect()) MemoryAccess.number(state, load.src());
        // Beyond the packet's end, the program ends here.
        if (state.frames.size() > 1)
            throw new Refusal(state.slot, "a load from the packet may end the program, and this is a function of it");
        refuseOpenReferences(state);
        clobber(state);
        state.set(0, Scalar.of(Range.ofBytes(load.size().bytes())));
        state.slot++;
    }

    /** @return whether the program goes on, in the caller */
    boolean exit(State state) throws Refusal {
        if (state.frames.size() == 1) {
            var result = usable(state, 0);
            if (result instanceof Pointer)
                throw new Refusal(state.slot, "R0 " + result + ": the program's result is a number");
            refuseOpenReferences(state);
            return false;
        }
        int depth = state.frames.size() - 1;
        var callee = state.frames.removeLast();
        var result = callee.registers[0];
        if (callee.isCallback()) {
            if (!(result instanceof Scalar number) || !Range.ofUnsigned(0, 1).contains(number.range()))
                throw new Refusal(
                        state.slot,
                        "R0 " + (result instanceof Unusable unusable ? unusable.why() : result)
                                + ": a callback answers with 0, go on, or 1, stop");
            Origin.need(number.origin());
            // The call is looked at again, as if the helper had not called back yet.
            state.slot = callee.callSite;
            state.callbackReturned = true;
            state.activation = callee.activation;
            state.callbacksReturned++;
            return true;
        }
        if (result instanceof Pointer pointer
                && pointer.region().endsWithFrame()
                && pointer.region().frame() == depth)
            throw new Refusal(state.slot, "R0 " + result + ", which ends with the function");
        state.set(0, result);
        state.slot = callee.callSite + 1;
        return true;
    }

    private static void refuseOpenReferences(State state) throws Refusal {
        for (var reference : state.references.entrySet())
            throw new Refusal(
                    state.slot,
                    "the record that was reserved at instruction " + reference.getValue()
                            + " has been neither submitted nor discarded",
                    "call bpf_ringbuf_submit or bpf_ringbuf_discard on every path");
    }

    private static void losePacket(State state, String helper) {
        var lost = new Unusable("pointed at the packet, which " + helper + " at instruction " + state.slot
                + " may have moved: load data and data_end again");
        state.replaceValues(value -> value instanceof Pointer pointer
                        && (pointer.region().kind() == BaseKind.PACKET
                                || pointer.region().kind() == BaseKind.PACKET_END)
                ? lost
                : value);
    }

    private static void release(State state, Pointer record, String helper) {
        var released = new Unusable(
                "pointed at a ring buffer record, which " + helper + " at instruction " + state.slot + " gave back");
        state.references.remove(record.reference());
        state.replaceValues(value ->
                value instanceof Pointer pointer && pointer.reference() == record.reference() ? released : value);
    }

    private static void clobber(State state) {
        clobber(state.frame(), state.slot);
    }

    private static void clobber(Frame frame, int slot) {
        var registers = frame.registers;
        for (int register = 0; register <= ARGUMENTS; register++) {
            // What a register lost before says more.
            if (registers[register] instanceof Unusable && register > 0) continue;
            registers[register] =
                    new Unusable("was lost in the call at instruction " + slot + ": a function keeps r6 to r9 only");
        }
    }
}
