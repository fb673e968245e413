// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

final class Compiler {
    static ProgramCode compile(LinkedProgram p) {
        return new Interpreter(p);
    }
}
