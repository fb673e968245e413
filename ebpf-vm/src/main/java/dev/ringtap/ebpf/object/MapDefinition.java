// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

/**
 * A map as an object file asks for it. Global variables are maps too: an array of one value, named like their section.
 *
 * @param type number of {@code enum bpf_map_type}
 * @param inner what its values are, for a map of maps, else null
 * @param firstValue what is in the first value from the beginning, {@code valueBytes} long and not to be changed, or null
 *     for zeros
 */
public record MapDefinition(
        String name,
        int type,
        int keyBytes,
        int valueBytes,
        int maxEntries,
        int flags,
        MapDefinition inner,
        byte[] firstValue) {
    public static final int HASH = 1;
    public static final int ARRAY = 2;
    public static final int PERCPU_HASH = 5;
    public static final int PERCPU_ARRAY = 6;
    public static final int LRU_HASH = 9;
    public static final int LRU_PERCPU_HASH = 10;
    public static final int ARRAY_OF_MAPS = 12;
    public static final int HASH_OF_MAPS = 13;
    public static final int RINGBUF = 27;

    /** Flag BPF_F_RDONLY_PROG: programs only read it. */
    public static final int READ_ONLY_FOR_PROGRAMS = 1 << 7;

    /** A map that is empty, or zero, at first. */
    public MapDefinition(
            String name, int type, int keyBytes, int valueBytes, int maxEntries, int flags, MapDefinition inner) {
        this(name, type, keyBytes, valueBytes, maxEntries, flags, inner, null);
    }

    public boolean isMapOfMaps() {
        return type == ARRAY_OF_MAPS || type == HASH_OF_MAPS;
    }

    /** Whether there is a value for each CPU. */
    public boolean isPerCpu() {
        return type == PERCPU_ARRAY || type == PERCPU_HASH || type == LRU_PERCPU_HASH;
    }

    /** Whether keys are indexes: 4 bytes, below {@code maxEntries}, and each has a value from the beginning. */
    public boolean isIndexed() {
        return type == ARRAY || type == PERCPU_ARRAY || type == ARRAY_OF_MAPS;
    }

    /** Whether it holds constants: no program writes it, and a loader freezes it before a program runs. */
    public boolean isConstant() {
        return (flags & READ_ONLY_FOR_PROGRAMS) != 0 && firstValue != null;
    }

    /** For messages: the name with what the map is like, sizes in bytes. */
    public String description() {
        return "'" + name + "' (" + typeName() + ", key " + keyBytes + " bytes, value " + valueBytes + " bytes, "
                + Integer.toUnsignedString(maxEntries) + (maxEntries == 1 ? " entry)" : " entries)");
    }

    /** The type as bpftool calls it, or its number. */
    public String typeName() {
        return switch (type) {
            case HASH -> "hash";
            case ARRAY -> "array";
            case PERCPU_HASH -> "percpu_hash";
            case PERCPU_ARRAY -> "percpu_array";
            case LRU_HASH -> "lru_hash";
            case LRU_PERCPU_HASH -> "lru_percpu_hash";
            case ARRAY_OF_MAPS -> "array_of_maps";
            case HASH_OF_MAPS -> "hash_of_maps";
            case RINGBUF -> "ringbuf";
            default -> "type " + Integer.toUnsignedString(type);
        };
    }
}
