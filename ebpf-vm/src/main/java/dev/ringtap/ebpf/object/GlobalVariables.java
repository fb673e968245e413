// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The global variables and constants of an object. Each of its data sections becomes an array map of one value, which a
 * program reads and writes by address; the map is called like the section, which no map of the source can be.
 */
final class GlobalVariables {
    private final Map<Integer, MapDefinition> mapOfSection = new LinkedHashMap<>();

    GlobalVariables(ElfFile elf) throws BpfException {
        long total = 0;
        for (var section : elf.sections()) {
            String name = section.name();
            boolean constants = isPart(name, ".rodata");
            boolean zeros = isPart(name, ".bss");
            if (!constants && !zeros && !isPart(name, ".data") || section.sizeBytes() == 0) continue;
            if (zeros != (section.type() == ElfFile.SHT_NOBITS) || section.executable())
                throw elf.fault(section + ": is not what data of that name are");
            if (elf.section(name) != section) throw new AssertionError(name); // a second one is refused
            total += section.sizeBytes();
            if (section.sizeBytes() < 0 || total > ElfFile.SIZE_BYTES_MAX)
                throw elf.fault(section + ": more than " + ElfFile.SIZE_BYTES_MAX + " bytes of global variables");
            if (!elf.relocationsOf(section).isEmpty())
                throw elf.fault(section + ": a global variable is initialized with the address of something, which is"
                        + " not supported");
            byte[] contents = null;
            if (!zeros) {
                contents = new byte[section.data().limit()];
                section.data().get(0, contents);
            }
            mapOfSection.put(
                    section.index(),
                    new MapDefinition(
                            name,
                            MapDefinition.ARRAY,
                            4,
                            (int) section.sizeBytes(),
                            1,
                            constants ? MapDefinition.READ_ONLY_FOR_PROGRAMS : 0,
                            null,
                            contents));
        }
    }

    /** By section, in the order of the file. */
    Map<Integer, MapDefinition> maps() {
        return mapOfSection;
    }

    private static boolean isPart(String section, String of) {
        return section.equals(of) || section.startsWith(of + ".");
    }
}
