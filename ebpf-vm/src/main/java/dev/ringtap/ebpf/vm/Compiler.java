// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.INIT_NAME;
import static java.lang.constant.ConstantDescs.MTD_void;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.Label;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.DynamicConstantDesc;
import java.lang.invoke.MethodHandles;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Makes a hidden class of a program: a method for each function, or several for one that HotSpot would find too long.
 * HotSpot makes machine code of it when it is used a lot. The class goes when the program does.
 */
final class Compiler {
    /** HotSpot interprets methods beyond 8,000 bytes for ever (HugeMethodLimit). */
    static final int METHOD_BYTES_MAX = 7_900;

    private static final ClassDesc NAME = ClassDesc.of(Compiler.class.getPackageName(), "CompiledProgram");

    private final LinkedProgram program;
    private final int methodBytesMax;
    private final Map<Integer, FunctionPlan> plans = new LinkedHashMap<>();
    private final List<Object> data = new ArrayList<>();

    private Compiler(LinkedProgram program, int methodBytesMax) {
        this.program = program;
        this.methodBytesMax = methodBytesMax;
        for (int start : program.functions()) plans.put(start, FunctionPlan.of(program, start));
        for (int start : calledBack()) plans.put(start, plans.get(start).counted());
    }

    /** Functions that helpers call, and those that these call: how often they run is not for the program's length to say. */
    private Set<Integer> calledBack() {
        var found = new TreeSet<Integer>();
        var open = new ArrayDeque<Integer>();
        for (var plan : plans.values()) open.addAll(plan.callbacks());
        while (!open.isEmpty()) {
            int start = open.pop();
            if (found.add(start)) open.addAll(plans.get(start).calls());
        }
        return found;
    }

    static ProgramCode compile(LinkedProgram program) {
        return compile(program, METHOD_BYTES_MAX);
    }

    /** @param methodBytesMax how long a method may be; a single instruction may take more */
    static ProgramCode compile(LinkedProgram program, int methodBytesMax) {
        var compiler = new Compiler(program, methodBytesMax);
        try {
            var lookup = MethodHandles.lookup().defineHiddenClassWithClassData(compiler.bytes(), compiler.data, true);
            return (ProgramCode) lookup.lookupClass().getDeclaredConstructor().newInstance();
        } catch (IllegalArgumentException e) {
            // More constants than a class can have: the answer is the same, only later.
            return new Interpreter(program);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError("compiled " + program, e);
        }
    }

    /** The class file. Functions are cut until every method is short enough. */
    static byte[] classBytes(LinkedProgram program) {
        return new Compiler(program, METHOD_BYTES_MAX).bytes();
    }

    private byte[] bytes() {
        while (true) {
            data.clear();
            byte[] bytes = ClassFile.of().build(NAME, this::write);
            if (!cutLongMethods(bytes)) return bytes;
        }
    }

    private boolean cutLongMethods(byte[] bytes) {
        var longest = new LinkedHashMap<String, Integer>();
        for (var method : ClassFile.of().parse(bytes).methods())
            longest.merge(method.methodName().stringValue(), codeBytes(method), Math::max);
        boolean cut = false;
        for (var plan : plans.values()) {
            int methodBytes = 0;
            for (int part = 0; part < plan.parts; part++)
                methodBytes = Math.max(methodBytes, longest.get(plan.partName(part)));
            if (methodBytes <= methodBytesMax || !plan.canCut()) continue;
            int parts = Math.max(plan.parts + 1, plan.parts * methodBytes / methodBytesMax);
            plans.put(plan.start, plan.cut(Math.min(parts, plan.slots.length)));
            cut = true;
        }
        return cut;
    }

    private static int codeBytes(MethodModel method) {
        return method.code().map(code -> ((CodeAttribute) code).codeLength()).orElse(0);
    }

    private void write(ClassBuilder type) {
        type.withFlags(ClassFile.ACC_FINAL | ClassFile.ACC_SUPER | ClassFile.ACC_SYNTHETIC)
                .withInterfaceSymbols(Types.PROGRAM_CODE);
        type.withMethodBody(
                INIT_NAME,
                MTD_void,
                ClassFile.ACC_PUBLIC,
                code -> code.aload(0)
                        .invokespecial(CD_Object, INIT_NAME, MTD_void)
                        .return_());
        writeCall(type);
        for (var plan : plans.values()) {
            var writer = new FunctionWriter(plan, NAME, this::constant);
            if (plan.parts == 1) {
                type.withMethodBody(plan.methodName(), Types.FUNCTION, ClassFile.ACC_STATIC, writer::writeWhole);
                continue;
            }
            type.withMethodBody(plan.methodName(), Types.FUNCTION, ClassFile.ACC_STATIC, writer::writeDriver);
            for (int i = 0; i < plan.parts; i++) {
                int part = i;
                type.withMethodBody(
                        plan.partName(part), Types.PART, ClassFile.ACC_STATIC, code -> writer.writePart(code, part));
            }
        }
    }

    /** {@link ProgramCode#call}: the slot selects the method. */
    private void writeCall(ClassBuilder type) {
        type.withMethodBody("call", Types.CALL, ClassFile.ACC_PUBLIC, code -> {
            var cases = new ArrayList<SwitchCase>();
            var labels = new LinkedHashMap<Integer, Label>();
            for (int start : plans.keySet()) {
                if (start == 0) continue;
                labels.put(start, code.newLabel());
                cases.add(SwitchCase.of(start, labels.get(start)));
            }
            labels.put(0, code.newLabel());
            code.iload(2).lookupswitch(labels.get(0), cases);
            labels.forEach((start, label) -> {
                code.labelBinding(label).aload(1).iload(3);
                for (int r = 1; r <= 5; r++) code.lload(2 + 2 * r);
                code.invokestatic(NAME, plans.get(start).methodName(), Types.FUNCTION)
                        .lreturn();
            });
        });
    }

    /** An object that the code refers to: a map, a helper. */
    private ConstantDesc constant(Object object, ClassDesc type) {
        int index = 0;
        while (index < data.size() && data.get(index) != object) index++;
        if (index == data.size()) data.add(object);
        return DynamicConstantDesc.ofNamed(Types.CLASS_DATA, "_", type, index);
    }
}
