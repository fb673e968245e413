// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static dev.ringtap.ebpf.check.Arithmetic.name;
import static dev.ringtap.ebpf.check.Arithmetic.usable;

import dev.ringtap.ebpf.check.Value.Pointer;
import dev.ringtap.ebpf.check.Value.Scalar;
import dev.ringtap.ebpf.check.Value.Unusable;
import dev.ringtap.ebpf.isa.AtomicOp;
import dev.ringtap.ebpf.isa.Instruction.Atomic;
import dev.ringtap.ebpf.isa.Instruction.Load;
import dev.ringtap.ebpf.isa.Instruction.Store;
import dev.ringtap.ebpf.isa.Instruction.StoreConstant;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;

/** Loads, stores and atomic operations, and memory that is handed to helpers: that all of it is there, and allowed. */
final class MemoryAccess {
    // BPF_F_WRONLY_PROG of a map's flags.
    private static final int WRITE_ONLY_FOR_PROGRAMS = 1 << 8;

    private final ProgramType type;
    private final ContextRules context;
    private final Facts facts;

    MemoryAccess(ProgramType type, Facts facts) {
        this.type = type;
        this.facts = facts;
        context = new ContextRules(type);
    }

    void execute(State state, Load load) throws Refusal {
        int bytes = load.size().bytes();
        var base = base(state, load.base());
        Value loaded;
        switch (base.region().kind()) {
            case CONTEXT -> loaded = context.load(state.slot, load.offset(), bytes);
            case STACK -> loaded = loadStack(state, load.base(), base, load.offset(), bytes);
            default -> {
                inBounds(state, load.base(), base, load.offset(), bytes, false);
                loaded = Scalar.of(Range.ofBytes(bytes));
            }
        }
        if (load.signed()) {
            if (!(loaded instanceof Scalar number))
                throw new Refusal(state.slot, "loads a pointer with sign extension, which would make a number of it");
            loaded = new Scalar(number.range().signExtend(8 * bytes), 0, number.origin());
        }
        facts.access(state.slot, base.region().kind());
        state.set(load.dst(), loaded);
    }

    void execute(State state, Store store) throws Refusal {
        store(state, store.base(), store.offset(), store.size().bytes(), usable(state, store.src()), name(store.src()));
    }

    void execute(State state, StoreConstant store) throws Refusal {
        store(state, store.base(), store.offset(), store.size().bytes(), Scalar.of(store.imm()), "the constant");
    }

    void execute(State state, Atomic atomic) throws Refusal {
        int bytes = atomic.size().bytes();
        var base = base(state, atomic.base());
        var kind = base.region().kind();
        if (kind == BaseKind.CONTEXT || kind == BaseKind.PACKET)
            throw new Refusal(
                    state.slot,
                    name(atomic.base()) + " " + base + ": there are no atomic operations on it",
                    "they work on map values, ring buffer records and the stack");
        number(state, atomic.src());
        if (atomic.op() == AtomicOp.CMPXCHG) number(state, 0);
        var distance = base.distance(atomic.offset());
        if ((distance.bits().max() & bytes - 1) != 0)
            throw new Refusal(
                    state.slot,
                    "atomic operation of " + bytes + " bytes at offset " + distance + " of " + base.region()
                            + ", which is not aligned",
                    "the offset must be a multiple of " + bytes);
        if (kind == BaseKind.STACK) {
            if (!(loadStack(state, atomic.base(), base, atomic.offset(), bytes) instanceof Scalar))
                throw new Refusal(
                        state.slot,
                        "atomic operation on a pointer that is kept on the stack: it would become a number");
            writeStack(state, atomic.base(), base, atomic.offset(), bytes, true);
        } else {
            inBounds(state, atomic.base(), base, atomic.offset(), bytes, false);
            inBounds(state, atomic.base(), base, atomic.offset(), bytes, true);
        }
        facts.access(state.slot, kind);
        if (!atomic.fetch()) return;
        state.set(atomic.op() == AtomicOp.CMPXCHG ? 0 : atomic.src(), Scalar.of(Range.ofBytes(bytes)));
    }

    private void store(State state, int register, int offset, int bytes, Value value, String what) throws Refusal {
        var base = base(state, register);
        var kind = base.region().kind();
        facts.access(state.slot, kind);
        if (value instanceof Pointer pointer) {
            if (kind != BaseKind.STACK)
                throw new Refusal(
                        state.slot,
                        what + " " + pointer + ": storing it to " + base.region() + " would leak a pointer",
                        "pointers can be kept on the stack only");
            storePointer(state, register, base, offset, bytes, pointer, what);
            return;
        }
        switch (kind) {
            case CONTEXT -> context.store(state.slot, offset, bytes);
            case STACK -> {
                var distance = stackBounds(state, register, base, offset, bytes);
                if (!distance.isConstant()) {
                    writeStack(state, register, base, offset, bytes, true);
                    return;
                }
                var number = (Scalar) value;
                var stored = number.range().zeroExtend(8 * bytes);
                boolean same = stored.equals(number.range());
                frame(state, base)
                        .stack
                        .store(
                                (int) distance.constant(),
                                bytes,
                                new Scalar(stored, same ? number.id() : 0, number.origin()));
            }
            default -> inBounds(state, register, base, offset, bytes, true);
        }
    }

    private void storePointer(
            State state, int register, Pointer base, int offset, int bytes, Pointer pointer, String what)
            throws Refusal {
        var distance = stackBounds(state, register, base, offset, bytes);
        if (!distance.isConstant() || bytes != 8 || distance.constant() % 8 != 0)
            throw new Refusal(
                    state.slot,
                    what + " " + pointer
                            + ": a pointer is stored with 8 bytes, at a constant offset that is a multiple of 8; "
                            + "this is " + bytes + " bytes at " + distance);
        if (pointer.region().endsWithFrame()
                && pointer.region().frame() > base.region().frame())
            throw new Refusal(
                    state.slot,
                    what + " " + pointer + ": it would be left behind in a caller's stack when the function returns");
        frame(state, base).stack.store((int) distance.constant(), 8, pointer);
    }

    private Value loadStack(State state, int register, Pointer base, int offset, int bytes) throws Refusal {
        var distance = stackBounds(state, register, base, offset, bytes);
        var stack = frame(state, base).stack;
        if (distance.isConstant()) {
            int at = (int) distance.constant();
            var value = stack.valueAt(at, bytes);
            if (value instanceof Unusable unusable)
                throw new Refusal(state.slot, "reads a pointer at " + stackOffset(at) + " that " + unusable.why());
            if (value instanceof Pointer pointer && bytes == 8) {
                stack.markRead(at, bytes);
                return pointer;
            }
            if (value instanceof Scalar number) {
                stack.markRead(at, bytes);
                var range = number.range().slice(at - stack.startOfValue(at), bytes);
                return range.equals(number.range()) ? number : new Scalar(range, 0, number.origin());
            }
        }
        readStack(state, base, distance, bytes);
        return Scalar.of(Range.ofBytes(bytes));
    }

    /** That bytes of the stack hold something, and no pointer, wherever in the distance they begin. */
    private void readStack(State state, Pointer base, Range distance, int bytes) throws Refusal {
        int from = (int) distance.whole().smin();
        int length = (int) distance.whole().smax() + bytes - from;
        var stack = frame(state, base).stack;
        int unwritten = stack.firstUnwritten(from, length);
        if (unwritten != 0)
            throw new Refusal(
                    state.slot,
                    "reads " + length + " bytes of the stack at " + stackOffset(from) + ", of which the one at "
                            + stackOffset(unwritten) + " was never written",
                    "initialize the variable, padding included; of a pointer that was overwritten in part nothing is left");
        if (stack.anyPointer(from, length) != null)
            throw new Refusal(
                    state.slot,
                    "reads " + length + " bytes of the stack at " + stackOffset(from)
                            + ", where a pointer is kept: it would become a number");
        stack.markRead(from, length);
    }

    private void writeStack(State state, int register, Pointer base, int offset, int bytes, boolean all)
            throws Refusal {
        var distance = stackBounds(state, register, base, offset, bytes);
        int from = (int) distance.whole().smin();
        int length = (int) distance.whole().smax() + bytes - from;
        frame(state, base).stack.clear(from, length, all && distance.isConstant());
    }

    private Range stackBounds(State state, int register, Pointer base, int offset, int bytes) throws Refusal {
        var distance = base.distance(offset);
        var bounds = distance.whole();
        if (bounds.smin() < -Stack.BYTES || bounds.smax() > -bytes)
            throw new Refusal(
                    state.slot,
                    name(register) + " points at the stack, and " + bytes + " bytes at offset " + distance
                            + " are not inside its " + Stack.BYTES + " bytes below r10",
                    distance.isConstant() ? "" : "compare the index with its limits before");
        facts.usesStack(frame(state, base).function, (int) -bounds.smin());
        return distance;
    }

    /** Not of the context and the stack. */
    private void inBounds(State state, int register, Pointer base, int offset, long bytes, boolean write)
            throws Refusal {
        int slot = state.slot;
        var region = base.region();
        switch (region.kind()) {
            case MAP, PACKET_END, FUNCTION ->
                throw new Refusal(slot, name(register) + " " + base + ", which is no memory of the program's");
            case PACKET -> {
                packetBounds(slot, register, base, offset, bytes);
                if (write && type != ProgramType.SCHED_CLS && type != ProgramType.SCHED_ACT)
                    throw new Refusal(
                            slot, "writes the packet, which programs of type '" + type.title() + "' must not");
            }
            default -> {
                var distance = base.distance(offset);
                var bounds = distance.whole();
                if (bounds.smin() < 0)
                    throw new Refusal(
                            slot,
                            name(register) + " points at " + region + ", and an access at offset " + distance
                                    + " begins " + before(bounds.smin()),
                            distance.isConstant() ? "" : "compare the index with its limits before");
                if (bounds.smax() > region.sizeBytes() - bytes)
                    throw new Refusal(
                            slot,
                            name(register) + " points at " + region + ", and an access of " + bytes
                                    + " bytes at offset " + distance + " ends "
                                    + behind(bounds.smax(), bytes, region.sizeBytes()),
                            distance.isConstant() ? "" : "compare the index with its limits before");
                permitted(slot, register, base, write);
            }
        }
    }

    private static void permitted(int slot, int register, Pointer base, boolean write) throws Refusal {
        var region = base.region();
        if (region.kind() == BaseKind.MAP_KEY && write)
            throw new Refusal(slot, name(register) + " " + base + ": keys are not written");
        if (region.kind() != BaseKind.MAP_VALUE) return;
        int flags = region.map().flags();
        if (write && (flags & MapDefinition.READ_ONLY_FOR_PROGRAMS) != 0)
            throw new Refusal(slot, name(register) + " " + base + ", which programs only read (BPF_F_RDONLY_PROG)");
        if (!write && (flags & WRITE_ONLY_FOR_PROGRAMS) != 0)
            throw new Refusal(slot, name(register) + " " + base + ", which programs only write (BPF_F_WRONLY_PROG)");
    }

    private static void packetBounds(int slot, int register, Pointer base, int offset, long bytes) throws Refusal {
        long from = base.offset() + offset;
        if (from < 0 || base.variable().whole().smin() < 0)
            throw new Refusal(
                    slot,
                    name(register) + " " + base + ", and an access at " + offset + " may begin before the packet");
        // Not from + bytes, which may be more than a long.
        if (bytes > base.verified() - from)
            throw new Refusal(
                    slot,
                    name(register) + " " + base + ", and an access of " + bytes + " bytes there "
                            + (base.verified() == 0
                                    ? "has not been checked against the packet's end"
                                    : "goes beyond the " + base.verified() + " bytes that are known to be there"),
                    "compare the pointer plus the size with data_end before");
    }

    /**
     * Memory for a helper.
     *
     * @param least bytes that the helper accesses at least, {@code most} at most
     * @param out whether it writes, else it reads
     * @param packetAccess whether it may lie in the packet
     */
    void forHelper(State state, int register, long least, long most, boolean out, boolean packetAccess) throws Refusal {
        var base = base(state, register);
        if (base.region().kind() == BaseKind.STACK) {
            if (most == 0) return;
            if (most > Stack.BYTES)
                throw new Refusal(
                        state.slot,
                        name(register) + " " + base + ", and the helper may access " + Long.toUnsignedString(most)
                                + " bytes there",
                        "limit the size");
            int bytes = (int) most;
            var distance = stackBounds(state, register, base, 0, bytes);
            // Of what is only partly written, each byte keeps what it had, so there must be something.
            boolean exact = least == most && distance.isConstant();
            if (!out || !exact) readStack(state, base, distance, bytes);
            if (out) writeStack(state, register, base, 0, bytes, exact);
            return;
        }
        if (base.region().kind() == BaseKind.PACKET && (!packetAccess || out))
            throw new Refusal(
                    state.slot,
                    name(register) + " " + base + ", and this helper does not work on memory in the packet");
        if (base.region().kind() == BaseKind.CONTEXT)
            throw new Refusal(state.slot, name(register) + " " + base + ", which is no memory of the program's");
        inBounds(state, register, base, 0, most, out);
    }

    /** The pointer in a register that is used as an address. */
    static Pointer base(State state, int register) throws Refusal {
        var value = usable(state, register);
        if (!(value instanceof Pointer pointer))
            throw new Refusal(state.slot, name(register) + " " + value + ", not a pointer");
        if (pointer.orNull())
            throw new Refusal(
                    state.slot,
                    name(register) + " " + pointer + ": used without a check",
                    "compare it with null before");
        return pointer;
    }

    static Scalar number(State state, int register) throws Refusal {
        var value = usable(state, register);
        if (value instanceof Scalar number) return number;
        throw new Refusal(state.slot, name(register) + " " + value + ": it would become a number");
    }

    private static Frame frame(State state, Pointer base) {
        return state.frames.get(base.region().frame());
    }

    private static String stackOffset(int offset) {
        return "r10" + offset;
    }

    private static String before(long offset) {
        return offset < -(1L << 32) ? "anywhere before it" : "up to " + -offset + " bytes before it";
    }

    private static String behind(long offset, long bytes, long sizeBytes) {
        long end = offset + bytes;
        // Beyond all that could be meant: the number would say nothing.
        if (end < 0 || end > 1L << 32) return "anywhere behind it";
        return (offset >= 0 ? "up to " : "") + (end - sizeBytes) + " bytes behind it";
    }
}
