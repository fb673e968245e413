// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Stack.Cell;
import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.check.Value.Unusable;
import java.util.HashMap;
import java.util.Map;

/**
 * Whether all that can happen from one state was looked at from another, kept one. Numbers of a pointer or of a copied
 * scalar have no meaning of their own: it counts only which are the same.
 */
final class Coverage {
    /** How a kept state may differ from the one it covers. */
    enum Strictness {
        /** The kept state is complete: numbers that nobody needed and bytes that nobody read are free. */
        WHAT_MATTERED,
        /** What matters is not known yet: everything must be as the kept state allows. */
        EVERYTHING,
        /** Nothing differs: a loop that came back to this state goes on for ever. */
        SAME
    }

    private final Strictness strictness;
    // Made when the first is needed: most states differ before.
    private Map<Integer, Integer> ids;
    private Map<Integer, Integer> idsBack;
    // Identities for numbers that have none, so that two of them are never taken for copies of each other.
    private int nobody = -1;

    private Coverage(Strictness strictness) {
        this.strictness = strictness;
    }

    static boolean covers(State kept, State current, Strictness strictness) {
        return new Coverage(strictness).states(kept, current);
    }

    /** Marks on the current path what a kept state that covers it found to matter. */
    static void passOn(State kept, State current, boolean everything) {
        for (int i = 0; i < kept.frames.size(); i++) {
            var from = kept.frames.get(i);
            var to = current.frames.get(i);
            for (int r = 0; r < from.registers.length; r++) passOn(from.registers[r], to.registers[r], everything);
            for (int c = 0; c < to.stack.cells(); c++) {
                var cell = from.stack.cell(c);
                var other = to.stack.cell(c);
                if (other.use() != null
                        && (everything || cell.use() != null && cell.use().wasRead()))
                    other.use().mark();
                if (cell.value() != null && other.value() != null) passOn(cell.value(), other.value(), everything);
            }
        }
    }

    private static void passOn(Value from, Value to, boolean everything) {
        if (!(from instanceof Scalar number) || !(to instanceof Scalar other)) return;
        if (everything || number.origin() != null && number.origin().needed()) Origin.need(other.origin());
    }

    private boolean states(State kept, State current) {
        if (kept.frames.size() != current.frames.size() || kept.references.size() != current.references.size())
            return false;
        for (int i = 0; i < kept.frames.size(); i++)
            if (!kept.frames.get(i).sameCall(current.frames.get(i))) return false;
        // The running function first: it is where states differ.
        for (int i = kept.frames.size() - 1; i >= 0; i--)
            if (!frames(kept.frames.get(i), current.frames.get(i))) return false;
        for (int reference : kept.references.keySet()) {
            var other = ids == null ? null : ids.get(reference);
            // A reserved record that no pointer is left for: it will be refused in both.
            if (other != null && !current.references.containsKey(other)) return false;
        }
        return true;
    }

    private boolean frames(Frame kept, Frame current) {
        for (int i = 0; i < kept.registers.length; i++)
            if (!values(kept.registers[i], current.registers[i])) return false;
        int cells = Math.max(kept.stack.cells(), current.stack.cells());
        for (int i = 0; i < cells; i++) if (!cells(kept.stack, current.stack, i)) return false;
        return true;
    }

    private boolean cells(Stack keptStack, Stack currentStack, int index) {
        var kept = keptStack.cell(index);
        var current = currentStack.cell(index);
        if (strictness == Strictness.SAME) {
            if (kept.written() != current.written() || kept.widthBytes() != current.widthBytes()) return false;
            if (kept.value() == null) return current.value() == null;
            return current.value() != null && values(kept.value(), current.value());
        }
        // What was never written was never read either.
        if (kept.written() == 0) return true;
        if (strictness == Strictness.WHAT_MATTERED && !kept.use().wasRead()) return true;
        if ((kept.written() & ~current.written()) != 0) return false;
        // A value is compared with its lower half. But a path that overwrote that half of a number may have read this
        // one.
        if (kept.widthBytes() == Cell.UPPER_HALF)
            return !isNumber(keptStack.ownerOf(index)) || isNumber(currentStack.ownerOf(index));
        if (kept.value() == null) {
            // Any bytes will do, but not those of a pointer.
            return isNumber(currentStack.ownerOf(index));
        }
        if (kept.value() instanceof Scalar number && !(current.value() instanceof Scalar)) {
            if (currentStack.ownerOf(index) != null) return false;
            if (kept.widthBytes() == 8 && !isNumber(currentStack.ownerOf(index - 1))) return false;
            return free(number) || number.range().contains(Range.ofBytes(kept.widthBytes()));
        }
        return current.value() != null
                && kept.widthBytes() == current.widthBytes()
                && values(kept.value(), current.value());
    }

    private static boolean isNumber(Value value) {
        return value == null || value instanceof Scalar;
    }

    private boolean free(Scalar number) {
        return strictness == Strictness.WHAT_MATTERED
                && number.origin() != null
                && !number.origin().needed();
    }

    private boolean values(Value kept, Value current) {
        return switch (kept) {
            case Unusable unusable -> strictness != Strictness.SAME || current instanceof Unusable;
            case Scalar number -> current instanceof Scalar other && scalars(number, other);
            case Pointer pointer -> current instanceof Pointer other && pointers(pointer, other);
        };
    }

    private boolean scalars(Scalar kept, Scalar current) {
        if (free(kept)) return true;
        if (strictness == Strictness.SAME)
            return kept.range().equals(current.range()) && sameId(kept.id(), current.id());
        return kept.range().contains(current.range()) && (kept.id() == 0 || sameId(kept.id(), current.id()));
    }

    private boolean pointers(Pointer kept, Pointer current) {
        if (!kept.region().equals(current.region())
                || kept.orNull() != current.orNull()
                || kept.offset() != current.offset()) return false;
        if (strictness == Strictness.SAME) {
            if (kept.verified() != current.verified() || !kept.variable().equals(current.variable())) return false;
        } else if (kept.verified() > current.verified() || !kept.variable().contains(current.variable())) {
            return false;
        }
        return sameId(kept.id(), current.id()) && sameId(kept.reference(), current.reference());
    }

    private boolean sameId(int kept, int current) {
        if (kept == 0 && current == 0) return true;
        if (ids == null) {
            ids = new HashMap<>();
            idsBack = new HashMap<>();
        }
        int id = kept == 0 ? nobody-- : kept;
        int other = current == 0 ? nobody-- : current;
        var known = ids.putIfAbsent(id, other);
        var knownBack = idsBack.putIfAbsent(other, id);
        return (known == null || known == other) && (knownBack == null || knownBack == id);
    }
}
