// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The type information of an object (section {@code .BTF}), read for one purpose: the definitions of its maps. A map is
 * a variable of a structure whose members carry a number as the length of an array they point to ({@code __uint}) or a
 * type ({@code __type}), as the kernel's documentation of BTF describes it.
 *
 * <p>As hostile as the file: offsets and type numbers are checked, and chains of types are followed a bounded way.
 */
final class BtfTypes {
    private static final int MAGIC = 0xEB9F;
    private static final int HEADER_BYTES = 24;
    private static final int DEPTH_MAX = 32;
    private static final int MAPS_MAX = 1024;

    private static final int INT = 1;
    private static final int PTR = 2;
    private static final int ARRAY = 3;
    private static final int STRUCT = 4;
    private static final int UNION = 5;
    private static final int ENUM = 6;
    private static final int FWD = 7;
    private static final int TYPEDEF = 8;
    private static final int VOLATILE = 9;
    private static final int CONST = 10;
    private static final int RESTRICT = 11;
    private static final int FUNC = 12;
    private static final int FUNC_PROTO = 13;
    private static final int VAR = 14;
    private static final int DATASEC = 15;
    private static final int FLOAT = 16;
    private static final int DECL_TAG = 17;
    private static final int TYPE_TAG = 18;
    private static final int ENUM64 = 19;

    /** {@code more} is where the kind's own data begin; {@code sizeOrType} means one or the other by kind. */
    private record Type(int nameOffset, int kind, int members, int sizeOrType, int more) {}

    private static final Type VOID = new Type(0, 0, 0, 0, 0);

    private final ElfFile elf;
    private final ElfFile.Section section;
    private final ByteBuffer data;
    private final int namesOffset;
    private final int namesEnd;
    private final List<Type> types = new ArrayList<>();

    BtfTypes(ElfFile elf, ElfFile.Section section) throws BpfException {
        this.elf = elf;
        this.section = section;
        data = section.data();
        if (data.limit() < HEADER_BYTES || Short.toUnsignedInt(data.getShort(0)) != MAGIC)
            throw fault("is not type information");
        if (data.get(2) != 1) throw fault("has version " + data.get(2) + ", known is 1");
        long header = u32(4);
        int typesOffset = part("types", header + u32(8), u32(12));
        int typesEnd = typesOffset + data.getInt(12);
        namesOffset = part("names", header + u32(16), u32(20));
        namesEnd = namesOffset + data.getInt(20);
        types.add(VOID);
        for (int at = typesOffset; at < typesEnd; ) at = readType(at, typesEnd);
    }

    /** The maps that the variables of section {@code .maps} define, by the variables' names. */
    Map<String, MapDefinition> maps() throws BpfException {
        var maps = new LinkedHashMap<String, MapDefinition>();
        for (var type : types) {
            if (type.kind != DATASEC || !name(type).equals(".maps")) continue;
            for (int i = 0; i < type.members; i++) {
                var variable = type(data.getInt(type.more + i * 12));
                if (variable.kind != VAR) throw fault("'.maps' holds something that is no variable");
                String name = name(variable);
                var previous = maps.put(name, map(name, type(variable.sizeOrType), name, false));
                if (previous != null) throw fault("there are two maps '" + name + "'");
                if (maps.size() > MAPS_MAX) throw fault("there are more than " + MAPS_MAX + " maps");
            }
        }
        return maps;
    }

    /** Name of a type by its number; empty if it has none. */
    String nameOf(int number) throws BpfException {
        return name(type(number));
    }

    private MapDefinition map(String what, Type declared, String name, boolean inner) throws BpfException {
        var struct = plain(declared);
        if (struct.kind != STRUCT) throw fault("map '" + what + "' is not a structure");
        int type = 0;
        int maxEntries = 0;
        int flags = 0;
        int keyBytes = 0;
        int valueBytes = 0;
        MapDefinition values = null;
        // What is not known is refused, so these are few, however many members there are.
        var seen = new HashSet<String>();
        for (int i = 0; i < struct.members; i++) {
            int at = struct.more + i * 12;
            String member = name(data.getInt(at));
            var memberType = type(data.getInt(at + 4));
            String where = "map '" + what + "', member '" + member + "'";
            if (!seen.add(member)) throw fault(where + ": there are two of that name");
            switch (member) {
                case "type" -> type = number(where, memberType);
                case "max_entries" -> maxEntries = number(where, memberType);
                case "map_flags" -> flags = number(where, memberType);
                case "key_size" -> keyBytes = size(where, keyBytes, number(where, memberType));
                case "value_size" -> valueBytes = size(where, valueBytes, number(where, memberType));
                case "key" -> keyBytes = size(where, keyBytes, sizeOf(where, pointee(where, memberType), 0));
                case "value" -> valueBytes = size(where, valueBytes, sizeOf(where, pointee(where, memberType), 0));
                case "values" -> {
                    if (inner) throw fault(where + ": maps are nested more than once");
                    var array = plain(memberType);
                    if (array.kind != ARRAY) throw fault(where + ": must be declared with __array");
                    var element = plain(pointee(where, type(data.getInt(array.more))));
                    String innerName = name(element).isEmpty() ? name + ".inner" : name(element);
                    values = map(where, element, innerName, true);
                    valueBytes = size(where, valueBytes, 4); // a descriptor
                }
                case "pinning" ->
                    throw fault(where + ": maps are not pinned here; they live as long as the process that loads them");
                default -> throw fault(where + ": not supported");
            }
        }
        if (type == 0) throw fault("map '" + what + "' has no type");
        var map = new MapDefinition(name, type, keyBytes, valueBytes, maxEntries, flags, values);
        if (map.isMapOfMaps() != (values != null))
            throw fault("map '" + what + "': a map of maps, and no other, says with 'values' what its maps are");
        return map;
    }

    /** Several members may give one size; then they agree. */
    private int size(String where, int before, int size) throws BpfException {
        if (size <= 0) throw fault(where + ": size " + size);
        if (before != 0 && before != size) throw fault(where + ": size " + size + ", but before it was " + before);
        return size;
    }

    /** {@code int (*member)[number]}. */
    private int number(String where, Type type) throws BpfException {
        var array = plain(pointee(where, type));
        if (array.kind != ARRAY) throw fault(where + ": must be declared with __uint");
        return data.getInt(array.more + 8);
    }

    private Type pointee(String where, Type type) throws BpfException {
        var pointer = plain(type);
        if (pointer.kind != PTR) throw fault(where + ": is not a pointer");
        return type(pointer.sizeOrType);
    }

    private int sizeOf(String where, Type declared, int depth) throws BpfException {
        var type = plain(declared);
        return switch (type.kind) {
            case INT, STRUCT, UNION, ENUM, ENUM64, FLOAT -> type.sizeOrType;
            case PTR -> 8;
            case ARRAY -> {
                if (depth == DEPTH_MAX) throw fault(where + ": arrays are nested too deep");
                long size = u32(type.more + 8) * sizeOf(where, type(data.getInt(type.more)), depth + 1);
                if (size < 0 || size > Integer.MAX_VALUE) throw fault(where + ": " + size + " bytes are too large");
                yield (int) size;
            }
            case FWD ->
                throw fault(where + ": clang left only a forward declaration of struct " + name(type)
                        + "; give the size by __uint(value_size, sizeof(…)) instead");
            default -> throw fault(where + ": has a type without a size");
        };
    }

    /** Behind type definitions and qualifiers. */
    private Type plain(Type declared) throws BpfException {
        var type = declared;
        for (int depth = 0; depth < DEPTH_MAX; depth++) {
            switch (type.kind) {
                case TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG -> type = type(type.sizeOrType);
                default -> {
                    return type;
                }
            }
        }
        throw fault("type '" + name(declared) + "' is defined by too long a chain of types");
    }

    private int readType(int at, int end) throws BpfException {
        if (end - at < 12) throw fault("type " + types.size() + " is cut off");
        int info = data.getInt(at + 4);
        int members = info & 0xFFFF;
        int kind = info >>> 24 & 0x1F;
        int more = at + 12;
        int moreBytes = switch (kind) {
            case INT, VAR, DECL_TAG -> 4;
            case ARRAY -> 12;
            case STRUCT, UNION, DATASEC, ENUM64 -> 12 * members;
            case ENUM, FUNC_PROTO -> 8 * members;
            case PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG -> 0;
            default -> throw fault("type " + types.size() + " is of unknown kind " + kind);
        };
        if (moreBytes > end - more) throw fault("type " + types.size() + " is cut off");
        types.add(new Type(data.getInt(at), kind, members, data.getInt(at + 8), more));
        return more + moreBytes;
    }

    private Type type(int number) throws BpfException {
        if (number < 0 || number >= types.size()) throw fault("there is no type " + Integer.toUnsignedString(number));
        return types.get(number);
    }

    private String name(Type type) throws BpfException {
        return name(type.nameOffset);
    }

    /** A name by its offset in the table of names. */
    String name(int offset) throws BpfException {
        if (offset >= 0 && offset < namesEnd - namesOffset) {
            int start = namesOffset + offset;
            int last = Math.min(namesEnd - 1, start + ElfFile.NAME_BYTES_MAX);
            for (int end = start; end <= last; end++) {
                if (data.get(end) != 0) continue;
                byte[] name = new byte[end - start];
                data.get(start, name);
                return new String(name, StandardCharsets.UTF_8);
            }
        }
        throw fault(
                "a name is too long or lies outside the table of names, at offset " + Integer.toUnsignedString(offset));
    }

    private int part(String what, long offset, long size) throws BpfException {
        if (offset > data.limit() || size > data.limit() - offset)
            throw fault("its " + what + " lie outside the section");
        return (int) offset;
    }

    private long u32(int at) {
        return Integer.toUnsignedLong(data.getInt(at));
    }

    private BpfException fault(String what) {
        return elf.fault(section + ": " + what);
    }
}
