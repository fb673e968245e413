// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** The lines of source that the instructions of an object come from, by section and offset. */
final class SourceLines {
    private static final int LINES_MAX = 1 << 16;

    private final Map<String, NavigableMap<Integer, SourceLine>> lines = new HashMap<>();
    private final Map<Integer, String> names = new HashMap<>();
    private int count;

    SourceLines(ElfFile elf, BtfTypes types, BtfExtension extension) throws BpfException {
        extension.read(BtfExtension.Table.LINES, (section, data, at) -> {
            if (++count > LINES_MAX) throw elf.fault("has more than " + LINES_MAX + " lines of source");
            int offset = data.getInt(at);
            int lineAndColumn = data.getInt(at + 12);
            lines.computeIfAbsent(section, name -> new TreeMap<>())
                    .put(
                            offset,
                            new SourceLine(
                                    offset,
                                    name(types, data.getInt(at + 4)),
                                    name(types, data.getInt(at + 8)),
                                    lineAndColumn >>> 10,
                                    lineAndColumn & 0x3FF));
        });
    }

    /** Those of a function, by ascending offset in its section. */
    Collection<SourceLine> of(CodeSections.Function function) {
        var found = lines.get(function.section().name());
        if (found == null) return List.of();
        return found.subMap(function.offset(), function.offset() + function.sizeBytes())
                .values();
    }

    /** Many lines are of one file. */
    private String name(BtfTypes types, int offset) throws BpfException {
        String known = names.get(offset);
        if (known == null) {
            known = types.name(offset).strip();
            names.put(offset, known);
        }
        return known;
    }
}
