// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ElfBuilder;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import org.junit.jupiter.api.Test;

class MapMemoryTest {
    private static final int MIB = 1 << 20;

    /** Arrays of one MiB each, and a program that uses none. */
    private static BpfObject arrays(int count) throws Exception {
        var btf = new ElfBuilder.Btf();
        int struct = btf.struct(
                "type",
                btf.number(MapDefinition.ARRAY),
                "max_entries",
                btf.number(MIB / 64),
                "key",
                btf.pointerTo(4),
                "value",
                btf.pointerTo(64));
        var elf = new ElfBuilder();
        byte[] code = Assembler.assemble("mov %r0, 0\nexit");
        elf.function("program", elf.code("socket", code), 0, code.length);
        int section = elf.section(".maps", new byte[8 * count]);
        var structs = new LinkedHashMap<String, Integer>();
        for (int i = 0; i < count; i++) {
            structs.put("m" + i, struct);
            elf.map("m" + i, section, 8 * i);
        }
        btf.maps(structs);
        elf.section(".BTF", btf.bytes());
        return BpfObject.parse("arrays.bpf.o", elf.build());
    }

    @Test
    void mapsOfAnObjectHaveALimitTogether() throws Exception {
        var object = arrays(3);
        var options = VmOptions.defaults();
        try (var vm = EbpfVm.load(object, options.withMapBytesMax(3 * MIB))) {
            assertEquals(3, vm.maps().size());
        }
        var refused =
                assertThrows(BpfException.class, () -> EbpfVm.load(object, options.withMapBytesMax(3L * MIB - 1)));
        assertTrue(refused.getMessage().startsWith("arrays.bpf.o: map 'm2'"), refused.getMessage());
        assertThrows(IllegalArgumentException.class, () -> options.withMapBytesMax(-1));
        var many = arrays(1024);
        assertThrows(BpfException.class, () -> EbpfVm.load(many, options.withMapBytesMax(8 * MIB)));
    }

    @Test
    void keysAndTablesCount() {
        for (int type : new int[] {MapDefinition.HASH, MapDefinition.LRU_HASH, MapDefinition.HASH_OF_MAPS}) {
            var inner = new MapDefinition("inner", MapDefinition.ARRAY, 4, 8, 1, 0, null);
            var definition = new MapDefinition("keys", type, 512, 4, 1000, 0, inner);
            assertThrows(BpfException.class, () -> ProgramMap.create(definition, new MapMemory(512 * 1000)));
        }
        var ring = new MapDefinition("ring", MapDefinition.RINGBUF, 0, 0, 4096, 0, null);
        assertThrows(BpfException.class, () -> ProgramMap.create(ring, new MapMemory(4096)));
    }

    /** A JVM of its own, since the memory of this one must not run out under other tests. */
    @Test
    void mapThatDoesNotFitIntoTheProcessIsRefusedByName() throws Exception {
        String java = ProcessHandle.current().info().command().orElseThrow();
        var process = new ProcessBuilder(
                        java,
                        "-Xmx64m",
                        "-XX:MaxDirectMemorySize=8m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        SmallProcess.class.getName())
                .redirectErrorStream(true)
                .start();
        try (var output = process.inputReader(StandardCharsets.UTF_8)) {
            var lines = output.lines().toList();
            assertEquals(
                    List.of("array", "hash", "ringbuf", "array_of_maps"),
                    lines.stream().map(line -> line.split(" ")[0]).toList(),
                    lines::toString);
            for (var line : lines) assertTrue(line.contains("'large' (") && line.contains("does not fit"), line);
        }
        assertEquals(0, process.waitFor());
    }

    static final class SmallProcess {
        private SmallProcess() {}

        public static void main(String[] arguments) {
            var inner = new MapDefinition("inner", MapDefinition.ARRAY, 4, 8, 1, 0, null);
            for (var definition : List.of(
                    new MapDefinition("large", MapDefinition.ARRAY, 4, 8, 64 * MIB, 0, null),
                    new MapDefinition("large", MapDefinition.HASH, 512, 4, 256 << 10, 0, null),
                    new MapDefinition("large", MapDefinition.RINGBUF, 0, 0, 64 * MIB, 0, null),
                    new MapDefinition("large", MapDefinition.ARRAY_OF_MAPS, 4, 4, 256 * MIB, 0, inner))) {
                try {
                    VmMap.create(definition);
                } catch (BpfException e) {
                    System.out.println(definition.typeName() + " " + e.getMessage());
                }
            }
        }
    }
}
