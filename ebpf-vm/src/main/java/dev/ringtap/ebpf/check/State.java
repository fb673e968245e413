// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Where a path is, and what is known there of all that a program can reach. */
final class State {
    /** Frames that calls may nest, the program's own included. */
    static final int FRAMES_MAX = 8;

    final List<Frame> frames;
    /** Ring buffer records that are reserved: number of the reference to the slot of the call that reserved it. */
    final Map<Integer, Integer> references;

    int slot;
    Decision decisions;
    KeptState parent;
    /** Callbacks that returned on this path. Two states with different counts are no loop of the program's. */
    int callbacksReturned;
    /** The path is at the call that called a callback back, which just returned. */
    boolean callbackReturned;
    /** Of the helper that the path is about to call, or that called back just now; else null. */
    Activation activation;

    State(Frame first) {
        frames = new ArrayList<>(List.of(first));
        references = new TreeMap<>();
    }

    private State(State other) {
        frames = new ArrayList<>(other.frames.size());
        for (var frame : other.frames) frames.add(frame.copy());
        references = new TreeMap<>(other.references);
        slot = other.slot;
        decisions = other.decisions;
        parent = other.parent;
        callbacksReturned = other.callbacksReturned;
        callbackReturned = other.callbackReturned;
        activation = other.activation;
    }

    State copy() {
        return new State(this);
    }

    Frame frame() {
        return frames.getLast();
    }

    Value get(int register) {
        return frame().registers[register];
    }

    void set(int register, Value value) {
        frame().registers[register] = value;
    }

    /** The same for states that do not differ. */
    int fingerprint() {
        int hash = frames.size();
        for (var frame : frames) {
            for (var value : frame.registers) hash = 31 * hash + fingerprint(value);
            for (int i = 0; i < frame.stack.cells(); i++) {
                var cell = frame.stack.cell(i);
                hash = 31 * hash + cell.written();
                if (cell.value() != null) hash = 31 * hash + fingerprint(cell.value());
            }
        }
        return hash;
    }

    // Numbers of copies and pointers do not count: they mean nothing of their own.
    private static int fingerprint(Value value) {
        return switch (value) {
            case Scalar number -> number.range().hashCode();
            case Pointer pointer ->
                31 * Long.hashCode(pointer.offset()) + pointer.variable().hashCode() + pointer.verified();
            case Value.Unusable unusable -> 7;
        };
    }

    void replaceValues(UnaryOperator<Value> replacement) {
        for (var frame : frames) {
            for (int i = 0; i < frame.registers.length; i++) frame.registers[i] = replacement.apply(frame.registers[i]);
            frame.stack.replaceValues(replacement);
        }
    }

    /**
     * Begins a new section of the path: every number's origin is now this state.
     *
     * @return how many things can be marked
     */
    int keep() {
        int marks = 0;
        for (var frame : frames) {
            for (int i = 0; i < frame.registers.length; i++) {
                if (!(frame.registers[i] instanceof Scalar number)) continue;
                frame.registers[i] = number.with(number.range(), Origin.kept(number.origin()));
                marks++;
            }
            marks += frame.stack.keep();
        }
        return marks;
    }

    /** What a branch found out about a number holds for its copies. */
    void refine(Scalar number, Range range, Origin origin) {
        if (number.id() == 0) return;
        replaceValues(value -> value instanceof Scalar copy && copy.id() == number.id()
                ? copy.with(range, Origin.of(copy.origin(), origin))
                : value);
    }

    /** A branch found out whether a pointer is null. */
    void refine(Pointer pointer, boolean isNull) {
        replaceValues(value -> value instanceof Pointer copy && copy.orNull() && copy.id() == pointer.id()
                ? isNull ? Scalar.of(0) : copy.notNull()
                : value);
        if (isNull) references.remove(pointer.reference());
    }

    /** A branch found out that bytes of the packet are there. */
    void refine(Pointer pointer, int verifiedBytes) {
        replaceValues(value -> value instanceof Pointer copy
                        && copy.region().kind() == BaseKind.PACKET
                        && copy.id() == pointer.id()
                        && copy.verified() < verifiedBytes
                ? copy.verified(verifiedBytes)
                : value);
    }
}
