// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.isa.Instruction.CallHelper;
import dev.ringtap.ebpf.isa.Instruction.CallKfunc;
import dev.ringtap.ebpf.isa.Instruction.CallLocal;
import dev.ringtap.ebpf.isa.Instruction.Exit;
import dev.ringtap.ebpf.isa.Instruction.Goto;
import dev.ringtap.ebpf.isa.Instruction.Jump;
import dev.ringtap.ebpf.isa.Instruction.LoadConstant;
import dev.ringtap.ebpf.isa.Pseudo;
import dev.ringtap.ebpf.object.BpfException;

/**
 * What the engines need of a program's form, whoever checks the rest: jumps and calls go to instructions, the end is not
 * run over, and every helper exists.
 */
final class ControlFlow {
    private ControlFlow() {}

    static void check(String program, Code code) throws BpfException {
        for (int slot = 0; slot < code.length(); slot++) {
            switch (code.at(slot)) {
                case null -> {}
                case Goto jump -> target(program, code, slot, slot + 1 + jump.offset());
                case Jump jump -> {
                    target(program, code, slot, slot + 1 + jump.offset());
                    target(program, code, slot, slot + 1);
                }
                case CallLocal call -> {
                    if (slot + 1 + call.offset() == 0) throw fault(program, code, slot, "calls the program itself");
                    target(program, code, slot, slot + 1 + call.offset());
                    target(program, code, slot, slot + 1);
                }
                case LoadConstant load -> {
                    if (load.pseudo() == Pseudo.FUNCTION) target(program, code, slot, slot + 1 + load.low());
                    target(program, code, slot, slot + 2);
                }
                case CallHelper call -> {
                    if (Helper.of(call.number()) == null)
                        throw fault(program, code, slot, "there is no such helper here");
                    target(program, code, slot, slot + 1);
                }
                case CallKfunc _ -> target(program, code, slot, slot + 1);
                case Exit _ -> {}
                default -> target(program, code, slot, slot + 1);
            }
        }
    }

    private static void target(String program, Code code, int slot, int target) throws BpfException {
        if (!code.isStart(target))
            throw fault(program, code, slot, "goes on at " + target + ", where there is no instruction");
    }

    static BpfException fault(String program, Code code, int slot, String reason) {
        return new BpfException("program '" + program + "', instruction " + code.line(slot) + ": " + reason);
    }
}
