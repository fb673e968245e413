// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.check.Value.Unusable;
import dev.ringtap.ebpf.isa.Code;
import java.util.Arrays;

/** One function that runs: its registers and its stack. */
final class Frame {
    final int function;
    /** The slot of the call, or -1 for the program itself. */
    final int callSite;
    /** Whether a helper calls it, any number of times, and not the program. */
    final boolean callback;

    final Value[] registers;
    final Stack stack;

    /** @param depth number of the frame, 0 for the program itself */
    Frame(int function, int callSite, boolean callback, int depth) {
        this(function, callSite, callback, new Value[Code.REGISTERS], new Stack());
        Arrays.fill(registers, Unusable.NEVER_WRITTEN);
        registers[10] = Value.Pointer.to(Region.stack(depth));
    }

    private Frame(int function, int callSite, boolean callback, Value[] registers, Stack stack) {
        this.function = function;
        this.callSite = callSite;
        this.callback = callback;
        this.registers = registers;
        this.stack = stack;
    }

    Frame copy() {
        return new Frame(function, callSite, callback, registers.clone(), stack.copy());
    }

    boolean sameCall(Frame other) {
        return function == other.function && callSite == other.callSite && callback == other.callback;
    }
}
