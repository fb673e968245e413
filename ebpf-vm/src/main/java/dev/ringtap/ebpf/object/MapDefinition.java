// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

/**
 * A map as an object file asks for it.
 *
 * @param type number of {@code enum bpf_map_type}
 * @param inner what its values are, for a map of maps, else null
 */
public record MapDefinition(
        String name, int type, int keyBytes, int valueBytes, int maxEntries, int flags, MapDefinition inner) {
    public static final int ARRAY = 2;
    public static final int ARRAY_OF_MAPS = 12;
    public static final int HASH_OF_MAPS = 13;

    public boolean isMapOfMaps() {
        return type == ARRAY_OF_MAPS || type == HASH_OF_MAPS;
    }
}
