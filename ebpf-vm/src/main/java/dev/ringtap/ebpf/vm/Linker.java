// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.check.CheckOptions;
import dev.ringtap.ebpf.check.Checker;
import dev.ringtap.ebpf.check.KfuncTable;
import dev.ringtap.ebpf.check.ProgramRefusedException;
import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.CallHelper;
import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.object.Reference;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Puts a program of an object and this runtime together: its maps, helpers and kfuncs. */
final class Linker {
    private final BpfObject object;
    private final VmOptions options;
    private final MapTable maps;
    private final Consumer<String> trace;
    private final CheckOptions checkOptions;

    Linker(BpfObject object, VmOptions options, MapTable maps, Consumer<String> trace) {
        this.object = object;
        this.options = options;
        this.maps = maps;
        this.trace = trace;
        checkOptions = CheckOptions.defaults().withKfuncs(signatures(options.kfuncs()));
    }

    private static KfuncTable signatures(Kfuncs kfuncs) {
        return new KfuncTable() {
            @Override
            public Optional<List<Argument>> arguments(String name, int version) {
                return kfuncs.find(name, version)
                        .map(kfunc -> kfunc.signature().arguments().stream()
                                .map(argument -> switch (argument) {
                                    case CONTEXT -> Argument.CONTEXT;
                                    case SCALAR -> Argument.NUMBER;
                                })
                                .toList());
            }

            @Override
            public List<Integer> versions(String name) {
                return kfuncs.versions(name);
            }
        };
    }

    LinkedProgram link(ProgramDefinition definition) throws BpfException {
        String where = object.file() + ", section '" + definition.section() + "', ";
        var type = definition.type();
        if (!options.programTypes().contains(type))
            throw new BpfException(where + "program '" + definition.name() + "': programs of type '" + type.title()
                    + "' are not run here");
        try {
            var code = Checker.check(definition, object.maps(), checkOptions).code();
            // The rest is for instructions too that no path comes to: those were not checked, but are prepared.
            ControlFlow.check(definition.name(), code);
            checkHelpers(definition.name(), type, code);
            var kfuncs = new HashMap<Integer, Kfuncs.Kfunc>();
            var constants = new HashMap<Integer, Long>();
            for (var reference : definition.references())
                resolve(definition.name(), code, reference, constants, kfuncs);
            return new LinkedProgram(
                    definition.name(),
                    type,
                    code,
                    maps,
                    Map.copyOf(constants),
                    Map.copyOf(kfuncs),
                    options.instructionBudget(),
                    trace);
        } catch (ProgramRefusedException e) {
            throw because(object.file() + ", " + e.getMessage(), e);
        } catch (BpfException e) {
            throw because(where + e.getMessage(), e);
        }
    }

    private static BpfException because(String message, BpfException cause) {
        var fault = new BpfException(message);
        fault.initCause(cause);
        return fault;
    }

    private static void checkHelpers(String program, ProgramType type, Code code) throws BpfException {
        for (int slot = 0; slot < code.length(); slot++) {
            if (code.at(slot) instanceof CallHelper call
                    && !Helper.of(call.number()).types().contains(type))
                throw ControlFlow.fault(
                        program, code, slot, "programs of type '" + type.title() + "' may not call this helper");
        }
    }

    private void resolve(
            String program,
            Code code,
            Reference reference,
            Map<Integer, Long> constants,
            Map<Integer, Kfuncs.Kfunc> kfuncs)
            throws BpfException {
        int slot = reference.byteOffset() / Code.SLOT_BYTES;
        switch (reference) {
            case Reference.MapAddress address ->
                constants.put(slot, Address.of(Address.MAP, index(program, code, slot, address.map())));
            case Reference.MapValue value ->
                constants.put(
                        slot,
                        Address.of(Address.VALUES + index(program, code, slot, value.map()), value.valueOffset()));
            case Reference.KfuncCall call -> {
                var kfunc = options.kfuncs().find(call.name(), call.version());
                if (kfunc.isEmpty()) throw ControlFlow.fault(program, code, slot, missing(call));
                kfuncs.put(slot, kfunc.get());
            }
        }
    }

    private String missing(Reference.KfuncCall call) {
        var versions = options.kfuncs().versions(call.name());
        return "calls kfunc " + call.title() + ", which is not exported here; "
                + (versions.isEmpty() ? "there is none of that name" : "exported are versions " + versions);
    }

    private int index(String program, Code code, int slot, String map) throws BpfException {
        var maps = this.maps.maps();
        for (int i = 0; i < maps.length; i++) if (maps[i].definition().name().equals(map)) return i;
        throw ControlFlow.fault(program, code, slot, "refers to map '" + map + "', which the object does not define");
    }
}
