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
    /** The helper's call that a callback belongs to; null of a function that the program calls. */
    final Activation activation;

    final Value[] registers;
    final Stack stack;

    /**
     * @param activation null if the program calls it
     * @param depth number of the frame, 0 for the program itself
     */
    Frame(int function, int callSite, Activation activation, int depth) {
        this(function, callSite, activation, new Value[Code.REGISTERS], new Stack());
        Arrays.fill(registers, Unusable.NEVER_WRITTEN);
        registers[10] = Value.Pointer.to(Region.stack(depth));
    }

    private Frame(int function, int callSite, Activation activation, Value[] registers, Stack stack) {
        this.function = function;
        this.callSite = callSite;
        this.activation = activation;
        this.registers = registers;
        this.stack = stack;
    }

    /** Whether a helper calls it, any number of times, and not the program. */
    boolean isCallback() {
        return activation != null;
    }

    Frame copy() {
        return new Frame(function, callSite, activation, registers.clone(), stack.copy());
    }

    boolean sameCall(Frame other) {
        return function == other.function && callSite == other.callSite && isCallback() == other.isCallback();
    }
}
