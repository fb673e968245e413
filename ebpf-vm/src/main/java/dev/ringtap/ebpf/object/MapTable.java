// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Map definitions as lines of text: a column each for name, type, sizes in bytes, entries, flags. */
public final class MapTable {
    private static final List<String> TITLES = List.of("map", "type", "key", "value", "entries", "flags");
    private static final int NUMBERS_FROM = 2;

    private MapTable() {}

    /** A line of titles and one for each map, a map of maps followed by what it holds. */
    public static List<String> lines(Collection<MapDefinition> maps) {
        var rows = new ArrayList<List<String>>();
        rows.add(TITLES);
        for (var map : maps) {
            rows.add(row(map, ""));
            if (map.inner() != null) rows.add(row(map.inner(), "  "));
        }
        int[] widths = new int[TITLES.size()];
        for (var row : rows) {
            for (int i = 0; i < widths.length; i++)
                widths[i] = Math.max(widths[i], row.get(i).length());
        }
        return rows.stream().map(row -> line(row, widths)).toList();
    }

    private static List<String> row(MapDefinition map, String indent) {
        return List.of(
                indent + map.name(),
                map.typeName(),
                Integer.toString(map.keyBytes()),
                Integer.toString(map.valueBytes()),
                Integer.toUnsignedString(map.maxEntries()),
                "0x" + Integer.toHexString(map.flags()));
    }

    private static String line(List<String> row, int[] widths) {
        var line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String pad = " ".repeat(widths[i] - row.get(i).length());
            if (i > 0) line.append("  ");
            line.append(i < NUMBERS_FROM ? row.get(i) + pad : pad + row.get(i));
        }
        return line.toString().stripTrailing();
    }
}
