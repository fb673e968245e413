// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ElfBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EbpfVmTest {
    private static byte[] code(String source) {
        return assertDoesNotThrow(() -> Assembler.assemble(source));
    }

    /** Others may be going through its maps while it is closed. */
    @Test
    void closingLeavesAloneWhoReads() throws BpfException {
        byte[] code = code("mov %r0, 0\nexit");
        var elf = new ElfBuilder();
        elf.function("program", elf.code("socket", code), 0, code.length);
        elf.section(".data.a", new byte[8]);
        elf.section(".data.b", new byte[8]);
        var vm = EbpfVm.load(BpfObject.parse("two.bpf.o", elf.build()), VmOptions.defaults());
        var maps = vm.maps().entrySet().iterator();
        assertEquals(".data.a", maps.next().getKey());
        vm.close();
        assertEquals(".data.b", maps.next().getKey());
        assertTrue(vm.maps().isEmpty());
        assertTrue(vm.programs().isEmpty());
        assertThrows(BpfException.class, () -> vm.program("program"));
    }

    /** The checker does not go there, but the engines prepare all of a program. */
    @Test
    void kfuncThatNobodyExportsIsRefusedWhereNoPathComesToo() throws BpfException {
        byte[] code = code("mov %r0, 0\njeq %r0, 0, out\ncall local callee\nout:\nmov %r0, 0\nexit\ncallee:\nexit");
        var elf = new ElfBuilder();
        int section = elf.code("socket", java.util.Arrays.copyOf(code, code.length - 8));
        elf.function("program", section, 0, code.length - 8);
        elf.calls(section, Map.of(16, elf.function("nobodys___v2", 0, 0, 0)));
        var object = BpfObject.parse("dead.bpf.o", elf.build());
        var refused = assertThrows(BpfException.class, () -> EbpfVm.load(object, VmOptions.defaults()));
        assertTrue(refused.getMessage().contains("nobodys"), refused.getMessage());
        assertTrue(refused.getMessage().contains("there is none of that name"), refused.getMessage());
    }
}
