// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The programs that a user gives for a TAP, read and chosen, with what he puts into their maps; not yet loaded. If both
 * come from the same file they are of one object, and share its maps.
 *
 * @param steering chooses the queue, or null
 * @param filter says how many bytes of a packet get through, or null
 */
public record TapPrograms(Chosen steering, Chosen filter) {

    /**
     * A program of an object.
     *
     * @param contents what maps of the object hold before a program runs, by their names
     */
    public record Chosen(BpfObject object, ProgramDefinition program, Map<String, List<MapContents.Entry>> contents) {
        /** For people: the program, its section and its file. */
        public String title() {
            return "program '" + program.name() + "' (section '" + program.section() + "') of " + object.file();
        }
    }

    /**
     * A file, and which program of it: {@code FILE} or {@code FILE:NAME}, where the name is the program's or that of its
     * section.
     *
     * @param program null if it is not said
     */
    record Source(Path file, String program) {
        static Source of(String text) {
            int colon = text.lastIndexOf(':');
            if (colon < 0 || Files.exists(Path.of(text))) return new Source(Path.of(text), null);
            return new Source(Path.of(text.substring(0, colon)), text.substring(colon + 1));
        }
    }

    /**
     * Reads objects and contents of maps.
     *
     * @param steering {@code FILE} or {@code FILE:NAME}, the name being that of a program or of its section; or null
     * @param steeringTypes what the TAP takes for steering
     * @param filter as {@code steering}
     * @param maps a file for each map that is to have contents, by the map's name ({@link MapContents})
     * @throws BpfException if an object, the choice or a map's contents are not right; says what would be
     * @throws IOException if a file cannot be read
     */
    public static TapPrograms read(
            String steering, Set<ProgramType> steeringTypes, String filter, Map<String, Path> maps) throws IOException {
        var objects = new HashMap<Path, BpfObject>();
        var contents = new HashMap<BpfObject, Map<String, List<MapContents.Entry>>>();
        var steeringSource = steering == null ? null : Source.of(steering);
        var filterSource = filter == null ? null : Source.of(filter);
        for (var source :
                Stream.of(steeringSource, filterSource).filter(Objects::nonNull).toList()) {
            var path = real(source.file);
            if (objects.containsKey(path)) continue;
            var object = parse(source.file, path);
            objects.put(path, object);
            contents.put(object, new LinkedHashMap<>());
        }
        for (var map : maps.entrySet()) fill(contents, map.getKey(), map.getValue());
        return new TapPrograms(
                choose(steeringSource, steeringTypes, objects, contents),
                choose(filterSource, EnumSet.of(ProgramType.SOCKET_FILTER), objects, contents));
    }

    /**
     * The program that is meant.
     *
     * @param name of the program or of its section, or null for the only one of these types
     */
    static ProgramDefinition choose(BpfObject object, String name, Set<ProgramType> types) throws BpfException {
        var all = object.programs();
        var named = name == null
                ? all.stream().filter(program -> types.contains(program.type())).toList()
                : all.stream().filter(program -> program.name().equals(name)).toList();
        if (name != null && named.isEmpty())
            named = all.stream()
                    .filter(program -> program.section().equals(name))
                    .toList();
        String has = "it has " + all.stream().map(TapPrograms::describe).collect(Collectors.joining(", "));
        if (named.isEmpty())
            throw new BpfException(object.file() + ": has no program "
                    + (name == null ? "of type " + titles(types) : "and no section '" + name + "'") + "; " + has);
        if (named.size() > 1)
            throw new BpfException(object.file() + ": has several programs"
                    + (name == null ? " of type " + titles(types) : " in section '" + name + "'") + ", choose one by "
                    + object.file() + ":NAME; " + has);
        var program = named.getFirst();
        if (!types.contains(program.type()))
            throw new BpfException(object.file() + ": program " + describe(program) + " is of type '"
                    + program.type().title() + "', here must be " + titles(types));
        return program;
    }

    private static Chosen choose(
            Source source,
            Set<ProgramType> types,
            Map<Path, BpfObject> objects,
            Map<BpfObject, Map<String, List<MapContents.Entry>>> contents)
            throws IOException {
        if (source == null) return null;
        var object = objects.get(real(source.file));
        return new Chosen(object, choose(object, source.program, types), Map.copyOf(contents.get(object)));
    }

    private static BpfObject parse(Path file, Path real) throws IOException {
        if (Files.isDirectory(real)) throw new BpfException(file + ": is a directory, not an eBPF object");
        if (Files.size(real) > ElfFile.SIZE_BYTES_MAX)
            throw new BpfException(file + ": is larger than " + ElfFile.SIZE_BYTES_MAX + " bytes: not an eBPF object");
        return BpfObject.parse(file.toString(), Files.readAllBytes(real));
    }

    private static void fill(Map<BpfObject, Map<String, List<MapContents.Entry>>> contents, String map, Path file)
            throws IOException {
        real(file);
        boolean found = false;
        var there = new LinkedHashSet<String>();
        for (var object : contents.entrySet()) {
            var definition = object.getKey().maps().get(map);
            there.addAll(object.getKey().maps().keySet());
            if (definition == null) continue;
            object.getValue().put(map, MapContents.read(file, definition));
            found = true;
        }
        if (!found)
            throw new BpfException("there is no map '" + map + "' to fill from " + file
                    + (there.isEmpty() ? "; the programs have none" : ", but " + String.join(", ", there)));
    }

    private static Path real(Path file) throws IOException {
        try {
            return file.toRealPath();
        } catch (NoSuchFileException e) {
            throw new BpfException(file + ": there is no such file");
        }
    }

    private static String describe(ProgramDefinition program) {
        return "'" + program.name() + "' (section '" + program.section() + "')";
    }

    private static String titles(Set<ProgramType> types) {
        return types.stream().map(type -> "'" + type.title() + "'").collect(Collectors.joining(" or "));
    }
}
