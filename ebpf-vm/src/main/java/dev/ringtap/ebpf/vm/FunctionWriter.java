// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static java.lang.constant.ConstantDescs.CD_byte;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_short;
import static java.lang.constant.ConstantDescs.CD_void;

import dev.ringtap.ebpf.isa.AluOp;
import dev.ringtap.ebpf.isa.AtomicOp;
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
import dev.ringtap.ebpf.isa.JumpOp;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.vm.Shape.Kind;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes one function of a program as bytecode. Registers are local variables; beside a register that points into values
 * of a map stands another one with their buffer. The last instruction that may fault is kept in a local variable, too:
 * HotSpot keeps it only for the way out.
 */
final class FunctionWriter {
    /** Makes a constant of an object. */
    @FunctionalInterface
    interface Constants {
        ConstantDesc of(Object object, ClassDesc type);
    }

    private static final int R10 = 10;

    private final FunctionPlan plan;
    private final ClassDesc self;
    private final Constants constants;

    FunctionWriter(FunctionPlan plan, ClassDesc self, Constants constants) {
        this.plan = plan;
        this.self = self;
        this.constants = constants;
    }

    void writeWhole(CodeBuilder code) {
        new Body(code, 0).whole();
    }

    void writePart(CodeBuilder code, int part) {
        new Body(code, part).part();
    }

    /** Calls the parts, one after the other as the program goes on. Between them registers are in {@link Run#registers}. */
    void writeDriver(CodeBuilder code) {
        int registers = code.allocateLocal(TypeKind.REFERENCE);
        int at = code.allocateLocal(TypeKind.INT);
        begin(code);
        loadRegisters(code).astore(registers);
        for (int r = 0; r < R10; r++) {
            code.aload(registers).loadConstant(r);
            if (r >= 1 && r <= 5) code.lload(code.parameterSlot(1 + r));
            else code.lconst_0();
            code.lastore();
        }
        code.loadConstant(plan.start).istore(at);
        var again = code.newBoundLabel();
        for (int part = 0; part < plan.parts; part++) {
            var next = code.newLabel();
            if (part < plan.parts - 1)
                code.iload(at).loadConstant(plan.partStart(part + 1)).if_icmpge(next);
            code.aload(0)
                    .iload(1)
                    .iload(at)
                    .invokestatic(self, plan.partName(part), Types.PART)
                    .dup()
                    .istore(at)
                    .ifge(again)
                    .aload(registers)
                    .iconst_0()
                    .laload()
                    .lreturn()
                    .labelBinding(next);
        }
    }

    private void begin(CodeBuilder code) {
        if (plan.start != 0) code.iload(1).invokestatic(Types.RUN, "checkFrame", MethodTypeDesc.of(CD_void, CD_int));
        // As if it ran straight to its end. What it leaves out is given back where it does.
        if (plan.counted) spend(code, Math.max(1, plan.end() - plan.start));
    }

    private static void spend(CodeBuilder code, int instructions) {
        code.aload(0).loadConstant(instructions).invokevirtual(Types.RUN, "spend", MethodTypeDesc.of(CD_void, CD_int));
    }

    /** Not by a method of {@link Run}, which would take from what HotSpot inlines. */
    private static void giveBack(CodeBuilder code, int instructions) {
        if (instructions <= 0) return;
        code.aload(0)
                .dup()
                .getfield(Types.RUN, "budget", CD_long)
                .loadConstant((long) instructions)
                .ladd()
                .putfield(Types.RUN, "budget", CD_long);
    }

    private static CodeBuilder loadRegisters(CodeBuilder code) {
        return code.aload(0)
                .getfield(Types.RUN, "registers", Types.LONGS.arrayType())
                .iload(1)
                .loadConstant(Run.FRAME_BYTES)
                .idiv()
                .iconst_1()
                .isub()
                .aaload();
    }

    /** One method. */
    private final class Body {
        private final CodeBuilder code;
        private final int part;
        private final int from;
        private final int to;
        private final int[] register = new int[11];
        private final int[] buffer = new int[R10];
        private final Map<Integer, Label> labels = new HashMap<>();
        private final List<Exits> exits = new ArrayList<>();
        private int skb;
        private int stack;
        private int registers;
        private int pc;

        /** The register whose value lies on the operand stack instead of in its variable, or -1. */
        private int onStack = -1;

        /** A jump that needs more than a jump. */
        private record Exits(Label label, int slot, int target) {}

        Body(CodeBuilder code, int part) {
            this.code = code;
            this.part = part;
            from = plan.partStart(part);
            to = plan.partStart(part + 1);
        }

        void whole() {
            begin(code);
            for (int r = 1; r <= 5; r++) register[r] = code.parameterSlot(1 + r);
            variables();
            instructions(() -> {});
        }

        void part() {
            registers = code.allocateLocal(TypeKind.REFERENCE);
            loadRegisters(code).astore(registers);
            variables();
            instructions(this::enter);
        }

        private void variables() {
            pc = code.allocateLocal(TypeKind.INT);
            skb = code.allocateLocal(TypeKind.REFERENCE);
            stack = code.allocateLocal(TypeKind.REFERENCE);
            code.loadConstant(plan.start).istore(pc);
            code.aload(0).getfield(Types.RUN, "skb", Types.SKB).astore(skb);
            code.aload(0).getfield(Types.RUN, "stack", Types.BYTES).astore(stack);
            for (int r = 0; r <= R10; r++) {
                if (register[r] == 0) {
                    register[r] = code.allocateLocal(TypeKind.LONG);
                    if (r == R10) framePointer();
                    else code.lconst_0();
                    code.lstore(register[r]);
                }
                if (r < R10 && pointsToValues(r)) {
                    buffer[r] = code.allocateLocal(TypeKind.REFERENCE);
                    code.aconst_null().astore(buffer[r]);
                }
            }
        }

        private void framePointer() {
            if (plan.start == 0) code.loadConstant(Address.of(Address.STACK, Run.STACK_BYTES));
            else code.iload(1).i2l().loadConstant(Address.of(Address.STACK, 0)).ladd();
        }

        private boolean pointsToValues(int r) {
            return (plan.valueRegisters & 1 << r) != 0;
        }

        /** Goes to the slot that the caller names, with the registers that are needed there. */
        private void enter() {
            var entries = new ArrayList<SwitchCase>();
            var stubs = new HashMap<Integer, Label>();
            for (int slot : plan.slotsOf(part)) {
                if (slot != from && !plan.targets.get(slot)) continue;
                stubs.put(slot, code.newLabel());
                entries.add(SwitchCase.of(slot, stubs.get(slot)));
            }
            code.iload(2).lookupswitch(stubs.get(from), entries);
            stubs.forEach((slot, stub) -> {
                code.labelBinding(stub);
                for (int r = 0; r < R10; r++) {
                    if ((plan.live(slot) & 1 << r) == 0) continue;
                    code.aload(registers).loadConstant(r).laload().lstore(register[r]);
                    if (plan.shapes(slot).register(r).is(Kind.VALUE)) findBuffer(r);
                }
                code.goto_(label(slot));
            });
        }

        private void instructions(Runnable prologue) {
            var begin = code.newLabel();
            var end = code.newLabel();
            var handler = code.newLabel();
            code.labelBinding(begin);
            prologue.run();
            for (int slot : plan.slotsOf(part)) {
                if (isLabel(slot)) code.labelBinding(label(slot));
                instruction(slot);
            }
            for (int i = 0; i < exits.size(); i++) leave(exits.get(i));
            code.labelBinding(end).labelBinding(handler);
            int exception = code.allocateLocal(TypeKind.REFERENCE);
            code.astore(exception)
                    .aload(0)
                    .getfield(Types.RUN, "program", Types.LINKED_PROGRAM)
                    .aload(exception)
                    .iload(pc)
                    .invokevirtual(
                            Types.LINKED_PROGRAM,
                            "fault",
                            MethodTypeDesc.of(Types.FAULT, Types.RUNTIME_EXCEPTION, CD_int))
                    .athrow();
            code.exceptionCatch(begin, end, handler, Types.RUNTIME_EXCEPTION);
        }

        private boolean isLabel(int slot) {
            return plan.targets.get(slot) || plan.parts > 1 && slot == from;
        }

        private Label label(int slot) {
            return labels.computeIfAbsent(slot, any -> code.newLabel());
        }

        /** Where a jump goes: the instruction itself if it is ahead and in this method. */
        private Label target(int slot, int target) {
            if (target > slot && target < to && !plan.counted) return label(target);
            var exit = new Exits(code.newLabel(), slot, target);
            exits.add(exit);
            return exit.label();
        }

        private void leave(Exits exit) {
            code.labelBinding(exit.label());
            if (exit.target() <= exit.slot()) {
                at(exit.slot());
                spend(code, exit.slot() - exit.target() + 1);
            } else if (plan.counted) {
                int next = exit.slot() + plan.code.at(exit.slot()).slots();
                giveBack(code, exit.target() - next);
            }
            if (exit.target() >= from && exit.target() < to) {
                code.goto_(label(exit.target()));
                return;
            }
            for (int r = 0; r < R10; r++) {
                if ((plan.live(exit.target()) & 1 << r) == 0) continue;
                code.aload(registers).loadConstant(r).lload(register[r]).lastore();
            }
            code.loadConstant(exit.target()).ireturn();
        }

        private void instruction(int slot) {
            var instruction = plan.code.at(slot);
            int next = slot + instruction.slots();
            switch (instruction) {
                case Alu alu -> alu(slot, alu);
                case Swap swap -> swap(slot, swap);
                case LoadConstant load -> {
                    code.loadConstant(plan.program.constant(slot));
                    result(slot, load.dst());
                    if (holdsValues(next, load.dst())) findBuffer(load.dst());
                }
                case Load load -> {
                    new MemoryAccess(
                                    slot,
                                    load.base(),
                                    load.offset(),
                                    load.size().bytes())
                            .load(load.signed());
                    result(slot, load.dst());
                    if (holdsValues(next, load.dst())) findBuffer(load.dst());
                }
                case Store store ->
                    new MemoryAccess(
                                    slot,
                                    store.base(),
                                    store.offset(),
                                    store.size().bytes())
                            .store(
                                    () -> get(store.src()),
                                    () -> get(store.src()).l2i());
                case StoreConstant store ->
                    new MemoryAccess(
                                    slot,
                                    store.base(),
                                    store.offset(),
                                    store.size().bytes())
                            .store(() -> code.loadConstant((long) store.imm()), () -> code.loadConstant(store.imm()));
                case Atomic atomic -> atomic(slot, atomic);
                case LoadPacket load -> loadPacket(slot, load);
                case Goto jump -> {
                    if (jump.offset() != 0 || next >= to) code.goto_(target(slot, next + jump.offset()));
                    return;
                }
                case Jump jump -> jump(slot, jump);
                case CallHelper call -> helper(slot, call.number());
                case CallKfunc _ -> kfunc(slot);
                case CallLocal call -> {
                    at(slot);
                    code.aload(0).iload(1).loadConstant(Run.FRAME_BYTES).isub();
                    for (int r = 1; r <= 5; r++) get(r);
                    code.invokestatic(self, "f" + (next + call.offset()), Types.FUNCTION);
                    result(slot, 0);
                }
                case Exit _ -> {
                    if (plan.counted) giveBack(code, plan.end() - next);
                    exit(() -> get(0));
                    return;
                }
            }
            if (next >= to) code.goto_(target(slot, next));
        }

        private void exit(Runnable result) {
            if (plan.parts == 1) {
                result.run();
                code.lreturn();
            } else {
                code.aload(registers).iconst_0();
                result.run();
                code.lastore().iconst_m1().ireturn();
            }
        }

        private CodeBuilder get(int r) {
            return code.lload(register[r]);
        }

        /** An instruction that may fault follows. */
        private void at(int slot) {
            code.loadConstant(slot).istore(pc);
        }

        private Shape shape(int slot, int r) {
            return plan.shapes(slot).register(r);
        }

        /** Whether the register's buffer is needed, and so must be right, from that instruction on. */
        private boolean holdsValues(int slot, int r) {
            return shape(slot, r).is(Kind.VALUE);
        }

        private void findBuffer(int r) {
            code.aload(0);
            get(r).invokevirtual(Types.RUN, "valuesAt", MethodTypeDesc.of(Types.BUFFER, CD_long))
                    .astore(buffer[r]);
        }

        /** The value on the operand stack becomes the register's; it stays there if the next instruction goes on with it. */
        private void result(int slot, int dst) {
            int next = slot + plan.code.at(slot).slots();
            boolean used = next < to
                    && !isLabel(next)
                    && plan.code.at(next) instanceof Alu alu
                    && alu.dst() == dst
                    && !alu.op().isMove()
                    && (!alu.register() || alu.src() != dst)
                    && !holdsValues(next, dst);
            if (used) onStack = dst;
            else code.lstore(register[dst]);
        }

        private void alu(int slot, Alu alu) {
            int next = slot + 1;
            // A pointer and its buffer move together; a number that a pointer is added to becomes one.
            boolean takesBuffer = alu.is64()
                    && alu.register()
                    && holdsValues(next, alu.dst())
                    && (alu.op() == AluOp.MOV || !holdsValues(slot, alu.dst()))
                    && alu.src() != alu.dst();
            if (takesBuffer) code.aload(buffer[alu.src()]).astore(buffer[alu.dst()]);
            if (onStack == alu.dst()) onStack = -1;
            else if (!alu.op().isMove()) get(alu.dst());
            if (alu.is64()) alu64(alu);
            else alu32(alu);
            result(slot, alu.dst());
        }

        private void alu64(Alu alu) {
            switch (alu.op()) {
                case LSH -> shiftAmount(alu).lshl();
                case RSH -> shiftAmount(alu).lushr();
                case ARSH -> shiftAmount(alu).lshr();
                case NEG -> code.lneg();
                default -> {
                    if (alu.register()) get(alu.src());
                    else code.loadConstant((long) alu.imm());
                    switch (alu.op()) {
                        case ADD -> code.ladd();
                        case SUB -> code.lsub();
                        case MUL -> code.lmul();
                        case OR -> code.lor();
                        case AND -> code.land();
                        case XOR -> code.lxor();
                        case MOV -> {}
                        case MOVSX8 -> code.l2i().i2b().i2l();
                        case MOVSX16 -> code.l2i().i2s().i2l();
                        case MOVSX32 -> code.l2i().i2l();
                        case DIV -> divide("div", CD_long);
                        case SDIV -> divide("sdiv", CD_long);
                        case MOD -> divide("mod", CD_long);
                        case SMOD -> divide("smod", CD_long);
                        default -> throw new AssertionError(alu);
                    }
                }
            }
        }

        private CodeBuilder shiftAmount(Alu alu) {
            return alu.register() ? get(alu.src()).l2i() : code.loadConstant(alu.imm());
        }

        private void alu32(Alu alu) {
            if (!alu.op().isMove()) code.l2i();
            if (alu.op() != AluOp.NEG) {
                if (alu.register()) get(alu.src()).l2i();
                else code.loadConstant(alu.imm());
            }
            switch (alu.op()) {
                case ADD -> code.iadd();
                case SUB -> code.isub();
                case MUL -> code.imul();
                case OR -> code.ior();
                case AND -> code.iand();
                case XOR -> code.ixor();
                case LSH -> code.ishl();
                case RSH -> code.iushr();
                case ARSH -> code.ishr();
                case NEG -> code.ineg();
                case MOV, MOVSX32 -> {}
                case MOVSX8 -> code.i2b();
                case MOVSX16 -> code.i2s();
                case DIV -> divide("div", CD_int);
                case SDIV -> divide("sdiv", CD_int);
                case MOD -> divide("mod", CD_int);
                case SMOD -> divide("smod", CD_int);
            }
            unsigned();
        }

        private void divide(String name, ClassDesc type) {
            code.invokestatic(Types.DIVISION, name, MethodTypeDesc.of(type, type, type));
        }

        /** An int becomes the long with upper half zero. */
        private void unsigned() {
            code.i2l().loadConstant(0xFFFFFFFFL).land();
        }

        private void swap(int slot, Swap swap) {
            get(swap.dst());
            boolean turn = swap.order() != Swap.Order.LE;
            switch (swap.bits()) {
                case 16 -> {
                    code.l2i();
                    if (turn) reverse(Short.class, CD_short);
                    code.loadConstant(0xFFFF).iand().i2l();
                }
                case 32 -> {
                    code.l2i();
                    if (turn) reverse(Integer.class, CD_int);
                    unsigned();
                }
                default -> {
                    if (turn) reverse(Long.class, CD_long);
                }
            }
            result(slot, swap.dst());
        }

        private void reverse(Class<?> type, ClassDesc primitive) {
            code.invokestatic(Types.of(type), "reverseBytes", MethodTypeDesc.of(primitive, primitive));
        }

        private void jump(int slot, Jump jump) {
            var target = target(slot, slot + 1 + jump.offset());
            if (jump.is64()) {
                get(jump.dst());
                if (jump.register()) get(jump.src());
                else code.loadConstant((long) jump.imm());
                if (jump.op() == JumpOp.SET) code.land().lconst_0();
                compare64(jump.op());
                branchOnZero(jump.op(), target);
            } else {
                get(jump.dst()).l2i();
                if (jump.register()) get(jump.src()).l2i();
                else code.loadConstant(jump.imm());
                branch32(jump.op(), target);
            }
        }

        private void compare64(JumpOp op) {
            if (isUnsigned(op))
                code.invokestatic(Types.of(Long.class), "compareUnsigned", MethodTypeDesc.of(CD_int, CD_long, CD_long));
            else code.lcmp();
        }

        private static boolean isUnsigned(JumpOp op) {
            return op == JumpOp.GT || op == JumpOp.GE || op == JumpOp.LT || op == JumpOp.LE;
        }

        private void branchOnZero(JumpOp op, Label target) {
            switch (op) {
                case EQ -> code.ifeq(target);
                case NE, SET -> code.ifne(target);
                case GT, SGT -> code.ifgt(target);
                case GE, SGE -> code.ifge(target);
                case LT, SLT -> code.iflt(target);
                case LE, SLE -> code.ifle(target);
            }
        }

        private void branch32(JumpOp op, Label target) {
            switch (op) {
                case EQ -> code.if_icmpeq(target);
                case NE -> code.if_icmpne(target);
                case SET -> code.iand().ifne(target);
                case SGT -> code.if_icmpgt(target);
                case SGE -> code.if_icmpge(target);
                case SLT -> code.if_icmplt(target);
                case SLE -> code.if_icmple(target);
                case GT, GE, LT, LE -> {
                    code.invokestatic(
                            Types.of(Integer.class), "compareUnsigned", MethodTypeDesc.of(CD_int, CD_int, CD_int));
                    branchOnZero(op, target);
                }
            }
        }

        private void atomic(int slot, Atomic atomic) {
            at(slot);
            code.aload(0)
                    .getstatic(Types.ATOMIC_OP, atomic.op().name(), Types.ATOMIC_OP)
                    .loadConstant(atomic.size().bytes());
            get(atomic.base());
            if (atomic.offset() != 0) code.loadConstant((long) atomic.offset()).ladd();
            get(atomic.src());
            get(0);
            code.invokestatic(Types.ATOMICS, "apply", Types.method(CD_long, 3, Types.RUN, Types.ATOMIC_OP, CD_int));
            if (atomic.op() == AtomicOp.CMPXCHG) result(slot, 0);
            else if (atomic.fetch()) result(slot, atomic.src());
            else code.pop2();
        }

        private void loadPacket(int slot, LoadPacket load) {
            at(slot);
            code.aload(0).loadConstant(load.offset());
            if (load.indirect()) get(load.src()).l2i().iadd();
            code.loadConstant(load.size().bytes())
                    .invokestatic(Types.CLASSIC_LOADS, "load", MethodTypeDesc.of(CD_long, Types.RUN, CD_int, CD_int))
                    .dup2()
                    .lstore(register[0])
                    .lconst_0()
                    .lcmp();
            var inside = code.newLabel();
            code.ifge(inside);
            exit(code::lconst_0);
            code.labelBinding(inside);
        }

        private void kfunc(int slot) {
            at(slot);
            code.loadConstant(constants.of(plan.program.kfunc(slot).implementation(), Types.KFUNC))
                    .aload(skb);
            for (int r = 1; r <= 5; r++) get(r);
            code.invokeinterface(Types.KFUNC, "call", Types.method(CD_long, 5, Types.SKB));
            result(slot, 0);
        }

        private void helper(int slot, int number) {
            at(slot);
            if (number == Helper.MAP_LOOKUP_ELEM && lookup(slot)
                    || number == Helper.SKB_LOAD_BYTES && loadBytes(slot)) {
                // written
            } else {
                if (number == Helper.LOOP || number == Helper.FOR_EACH_MAP_ELEM)
                    code.aload(0).iload(1).putfield(Types.RUN, "frame", CD_int);
                code.loadConstant(constants.of(Helper.of(number).body(), Types.HELPER_BODY))
                        .aload(0);
                for (int r = 1; r <= 5; r++) get(r);
                code.invokeinterface(Types.HELPER_BODY, "call", Types.method(CD_long, 5, Types.RUN));
            }
            result(slot, 0);
            if (holdsValues(slot + 1, 0)) findBuffer(0);
        }

        /** A lookup in an array whose kind is known, with the index on the stack. */
        private boolean lookup(int slot) {
            var map = shape(slot, 1);
            var key = shape(slot, 2);
            if (!map.is(Kind.MAP) || !key.is(Kind.STACK) || !key.isExact()) return false;
            Runnable index = () -> {
                new MemoryAccess(slot, 2, 0, 4).load(false);
                code.l2i();
            };
            var maps = plan.program.maps().maps();
            if (map.detail() < 0) {
                if (maps[-1 - map.detail()].definition().inner().type() != MapDefinition.ARRAY) return false;
                code.aload(0);
                get(1);
                index.run();
                code.invokestatic(
                        Types.MAP_HELPERS, "lookupArray", MethodTypeDesc.of(CD_long, Types.RUN, CD_long, CD_int));
                return true;
            }
            switch (maps[map.detail()]) {
                case ArrayMap array -> {
                    code.loadConstant(constants.of(array, Types.ARRAY_MAP))
                            .aload(0)
                            .loadConstant(map.detail());
                    index.run();
                    code.invokevirtual(
                            Types.ARRAY_MAP, "lookup", MethodTypeDesc.of(CD_long, Types.RUN, CD_int, CD_int));
                }
                case MapOfMaps outer
                when outer.definition().isIndexed() -> {
                    code.loadConstant(constants.of(outer, Types.MAP_OF_MAPS)).aload(0);
                    index.run();
                    code.invokevirtual(Types.MAP_OF_MAPS, "lookup", MethodTypeDesc.of(CD_long, Types.RUN, CD_int));
                }
                default -> {
                    return false;
                }
            }
            return true;
        }

        private boolean loadBytes(int slot) {
            var to = shape(slot, 3);
            if (!to.is(Kind.STACK)) return false;
            code.aload(0);
            get(2).l2i();
            get(3).l2i();
            get(4).l2i();
            code.invokestatic(
                    Types.PACKET_HELPERS,
                    "loadBytesToStack",
                    MethodTypeDesc.of(CD_long, Types.RUN, CD_int, CD_int, CD_int));
            return true;
        }

        /** One load or store: the short way where the region is known. */
        private final class MemoryAccess {
            private final int slot;
            private final int base;
            private final int offset;
            private final int sizeBytes;
            private final Shape shape;

            MemoryAccess(int slot, int base, int offset, int sizeBytes) {
                this.slot = slot;
                this.base = base;
                this.offset = offset;
                this.sizeBytes = sizeBytes;
                shape = shape(slot, base);
            }

            void load(boolean signed) {
                switch (shape.kind()) {
                    case CONTEXT -> {
                        var field = ContextField.at(offset, sizeBytes);
                        if (field == null) {
                            generalLoad();
                            break;
                        }
                        loadField(field, signed);
                        return;
                    }
                    case STACK, PACKET -> {
                        boolean safe = isInsideFrame();
                        if (!safe) at(slot);
                        loadArray(signed, this::array, this::index);
                        return;
                    }
                    case VALUE -> {
                        at(slot);
                        loadBuffer(signed);
                        return;
                    }
                    case UNKNOWN, NUMBER, MAP -> generalLoad();
                }
                extend(signed);
            }

            private void generalLoad() {
                at(slot);
                code.aload(0);
                get(base);
                if (offset != 0) code.loadConstant((long) offset).ladd();
                code.loadConstant(sizeBytes)
                        .invokevirtual(Types.RUN, "load", MethodTypeDesc.of(CD_long, CD_long, CD_int));
            }

            /** Of a zero-extended value. */
            private void extend(boolean signed) {
                if (!signed) return;
                code.l2i();
                if (sizeBytes == 1) code.i2b();
                if (sizeBytes == 2) code.i2s();
                code.i2l();
            }

            private void loadArray(boolean signed, Runnable array, Runnable index) {
                if (sizeBytes > 1) handle("ARRAY_");
                array.run();
                index.run();
                if (sizeBytes == 1) code.baload();
                else code.invokevirtual(Types.VAR_HANDLE, "get", MethodTypeDesc.of(carrier(), Types.BYTES, CD_int));
                widen(signed);
            }

            private void loadBuffer(boolean signed) {
                if (sizeBytes > 1) handle("BUFFER_");
                code.aload(buffer[base]);
                index();
                if (sizeBytes == 1) code.invokevirtual(Types.BUFFER, "get", MethodTypeDesc.of(CD_byte, CD_int));
                else code.invokevirtual(Types.VAR_HANDLE, "get", MethodTypeDesc.of(carrier(), Types.BUFFER, CD_int));
                widen(signed);
            }

            private void handle(String kind) {
                code.getstatic(Types.MEMORY, kind + 8 * sizeBytes, Types.VAR_HANDLE);
            }

            private ClassDesc carrier() {
                return switch (sizeBytes) {
                    case 1 -> CD_byte;
                    case 2 -> CD_short;
                    case 4 -> CD_int;
                    default -> CD_long;
                };
            }

            /** From what memory gives to a register. */
            private void widen(boolean signed) {
                if (sizeBytes == 8) return;
                if (signed) code.i2l();
                else if (sizeBytes == 4) unsigned();
                else code.loadConstant(sizeBytes == 1 ? 0xFF : 0xFFFF).iand().i2l();
            }

            private void array() {
                if (shape.is(Kind.STACK)) code.aload(stack);
                else code.aload(skb).getfield(Types.SKB, "buffer", Types.BYTES);
            }

            private void index() {
                if (shape.is(Kind.STACK) && shape.isExact()) {
                    if (plan.start == 0) code.loadConstant(Run.STACK_BYTES + shape.detail() + offset);
                    else code.iload(1).loadConstant(shape.detail() + offset).iadd();
                    return;
                }
                get(base).l2i();
                if (offset != 0) code.loadConstant(offset).iadd();
            }

            private boolean isInsideFrame() {
                if (!shape.is(Kind.STACK) || !shape.isExact()) return false;
                int at = shape.detail() + offset;
                return at >= -Run.FRAME_BYTES && at + sizeBytes <= 0;
            }

            private void loadField(ContextField field, boolean signed) {
                if (field.kind() == ContextField.Kind.BYTES) {
                    loadArray(
                            signed,
                            () -> code.aload(skb).getfield(Types.SKB, field.javaName(), Types.BYTES),
                            () -> code.loadConstant(offset - field.offset()));
                    return;
                }
                code.aload(skb);
                boolean wide = field.kind() == ContextField.Kind.LONG;
                code.getfield(Types.SKB, field.javaName(), wide ? CD_long : CD_int);
                switch (field.kind()) {
                    case INT -> unsigned();
                    case SHORT -> code.loadConstant(0xFFFF).iand().i2l();
                    case NETWORK_SHORT -> {
                        reverse(Short.class, CD_short);
                        code.loadConstant(0xFFFF).iand().i2l();
                    }
                    case LONG -> {}
                    case PACKET_START, PACKET_END -> {
                        if (field.kind() == ContextField.Kind.PACKET_END)
                            code.aload(skb)
                                    .getfield(Types.SKB, "offset", CD_int)
                                    .iadd();
                        code.i2l().loadConstant(Address.of(Address.PACKET, 0)).lor();
                        return;
                    }
                    case BYTES -> throw new AssertionError(field);
                }
                if (offset != field.offset())
                    code.loadConstant(8 * (offset - field.offset())).lushr();
                if (sizeBytes < field.sizeBytes())
                    code.loadConstant((1L << 8 * sizeBytes) - 1).land();
                extend(signed);
            }

            /** @param wide puts the value on the stack as a long, {@code narrow} as an int */
            void store(Runnable wide, Runnable narrow) {
                var value = sizeBytes == 8 ? wide : narrow;
                switch (shape.kind()) {
                    case CONTEXT -> {
                        if (!storeField(value)) generalStore(wide);
                    }
                    case STACK, PACKET -> {
                        if (!isInsideFrame()) at(slot);
                        storeArray(this::array, this::index, value);
                    }
                    case VALUE -> {
                        at(slot);
                        if (sizeBytes > 1) handle("BUFFER_");
                        code.aload(buffer[base]);
                        index();
                        value.run();
                        if (sizeBytes == 1)
                            code.i2b()
                                    .invokevirtual(
                                            Types.BUFFER, "put", MethodTypeDesc.of(Types.BUFFER, CD_int, CD_byte))
                                    .pop();
                        else set(Types.BUFFER);
                    }
                    case UNKNOWN, NUMBER, MAP -> generalStore(wide);
                }
            }

            private void generalStore(Runnable wide) {
                at(slot);
                code.aload(0);
                get(base);
                if (offset != 0) code.loadConstant((long) offset).ladd();
                code.loadConstant(sizeBytes);
                wide.run();
                code.invokevirtual(Types.RUN, "store", MethodTypeDesc.of(CD_void, CD_long, CD_int, CD_long));
            }

            private void storeArray(Runnable array, Runnable index, Runnable value) {
                if (sizeBytes > 1) handle("ARRAY_");
                array.run();
                index.run();
                value.run();
                if (sizeBytes == 1) code.bastore();
                else set(Types.BYTES);
            }

            private void set(ClassDesc holder) {
                if (sizeBytes == 2) code.i2s();
                code.invokevirtual(Types.VAR_HANDLE, "set", MethodTypeDesc.of(CD_void, holder, CD_int, carrier()));
            }

            private boolean storeField(Runnable value) {
                var field = ContextField.at(offset, sizeBytes);
                if (field == ContextField.CB) {
                    storeArray(
                            () -> code.aload(skb).getfield(Types.SKB, field.javaName(), Types.BYTES),
                            () -> code.loadConstant(offset - field.offset()),
                            value);
                    return true;
                }
                if (field == null || sizeBytes != field.sizeBytes() || !field.isAssignable()) return false;
                code.aload(skb);
                value.run();
                boolean wide = field.kind() == ContextField.Kind.LONG;
                if (field.kind() == ContextField.Kind.SHORT)
                    code.loadConstant(0xFFFF).iand();
                code.putfield(Types.SKB, field.javaName(), wide ? CD_long : CD_int);
                return true;
            }
        }
    }
}
