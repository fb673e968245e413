// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapContents;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a peer's object needs so that it steers by {@link SampleRss}. The file's format is in {@code docs/benchmarks.md}.
 *
 * @param program name of the function
 * @param reads where in the packet it looks
 * @param lines by name of a map: what is put into it, in the form of {@link MapContents}
 */
record PeerDescription(Path file, String program, Reads reads, Map<String, String> lines) {
    private static final String MAP = "map.";
    private static final String EVERY_ENTRY = "*";
    private static final Pattern PLACEHOLDER =
            Pattern.compile("\\{([a-z]+[0-9]*)(?::([0-9]{1,2})(?:-([0-9]{1,2}))?)?\\}");

    /** Where a program takes offsets from. */
    enum Reads {
        /** From the beginning of the packet's data, which on a TAP is the Ethernet header. */
        DATA,
        /** From the MAC and network headers, as the kernel remembers them. */
        HEADERS
    }

    static PeerDescription read(Path file) throws IOException {
        var properties = new Properties();
        try (var reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IllegalArgumentException e) {
            throw new BpfException(file + ": " + e.getMessage());
        }
        String program = null;
        Reads reads = null;
        var lines = new TreeMap<String, String>();
        for (String name : properties.stringPropertyNames()) {
            String value = properties.getProperty(name).strip();
            int dot = name.lastIndexOf('.');
            if (name.equals("program")) {
                program = value;
            } else if (name.equals("reads")) {
                reads = readsOf(file, value);
            } else if (name.startsWith(MAP) && dot > MAP.length()) {
                String map = name.substring(MAP.length(), dot);
                lines.merge(map, entries(file, name.substring(dot + 1), value), String::concat);
            } else {
                throw new BpfException(file + ": '" + name + "': there are 'program', 'reads' and 'map.NAME.KEY'");
            }
        }
        if (program == null || reads == null)
            throw new BpfException(file + ": '" + (program == null ? "program" : "reads") + "' is missing");
        return new PeerDescription(file, program, reads, lines);
    }

    private static Reads readsOf(Path file, String value) throws BpfException {
        for (Reads reads : Reads.values())
            if (reads.name().toLowerCase(Locale.ROOT).equals(value)) return reads;
        throw new BpfException(file + ": 'reads' is '" + value + "': must be 'data' or 'headers'");
    }

    /** Lines for one key, or for each entry of the indirection table. */
    private static String entries(Path file, String key, String value) throws BpfException {
        if (!key.equals(EVERY_ENTRY)) return key + " = " + fill(file, value, null) + "\n";
        var lines = new StringBuilder();
        for (int i = 0; i < SampleRss.TABLE_ENTRIES; i++)
            lines.append(i).append(" = ").append(fill(file, value, i)).append('\n');
        return lines.toString();
    }

    /** @param queue of the table's entry that is filled, or null outside of the table */
    private static String fill(Path file, String text, Integer queue) throws BpfException {
        var filled = new StringBuilder();
        int end = 0;
        for (MatchResult found : PLACEHOLDER.matcher(text).results().toList()) {
            filled.append(text, end, found.start()).append(valueOf(file, found, queue));
            end = found.end();
        }
        filled.append(text.substring(end));
        if (filled.indexOf("{") >= 0) throw unknown(file, text.substring(text.indexOf('{')));
        return filled.toString();
    }

    private static String valueOf(Path file, MatchResult found, Integer queue) throws BpfException {
        byte[] key = SampleRss.key();
        int from = found.group(2) == null ? 0 : Integer.parseInt(found.group(2));
        int to = found.group(3) == null ? key.length - 1 : Integer.parseInt(found.group(3));
        if (from > to || to >= key.length) throw unknown(file, found.group());
        return switch (found.group(1)) {
            case "types" -> Integer.toString(SampleRss.HASH_TYPES);
            case "entries" -> Integer.toString(SampleRss.TABLE_ENTRIES);
            case "mask" -> Integer.toString(SampleRss.TABLE_ENTRIES - 1);
            case "unclassified" -> Integer.toString(SampleRss.UNCLASSIFIED_QUEUE);
            case "key" -> "hex:" + HexFormat.of().formatHex(key, from, to + 1);
            case "window" -> {
                if (from > key.length - 4) throw unknown(file, found.group());
                yield Integer.toUnsignedString(ByteBuffer.wrap(key).getInt(from));
            }
            case "queue" -> {
                if (queue == null)
                    throw new BpfException(file + ": '{queue}' stands only where the key is '" + EVERY_ENTRY + "'");
                yield Integer.toString(queue);
            }
            case "queues16" ->
                IntStream.range(0, SampleRss.TABLE_ENTRIES)
                        .mapToObj(i -> i + "/u16")
                        .collect(Collectors.joining(" "));
            default -> throw unknown(file, found.group());
        };
    }

    private static BpfException unknown(Path file, String placeholder) {
        return new BpfException(
                file + ": '" + placeholder + "' is no placeholder: there are {types}, {entries}, {mask},"
                        + " {unclassified}, {queue}, {queues16}, {key}, {key:FROM-TO} and {window:FROM}, with key bytes 0 to 39");
    }

    /** What is put into the object's maps. */
    Map<String, List<MapContents.Entry>> contents(BpfObject object) throws BpfException {
        var contents = new HashMap<String, List<MapContents.Entry>>();
        for (var entry : lines.entrySet()) {
            var map = object.maps().get(entry.getKey());
            if (map == null)
                throw new BpfException(file + ": " + object.file() + " has no map '" + entry.getKey() + "', but "
                        + object.maps().keySet());
            contents.put(map.name(), MapContents.parse(file, entry.getValue(), map));
        }
        return contents;
    }
}
