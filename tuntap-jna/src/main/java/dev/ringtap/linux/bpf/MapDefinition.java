// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

/**
 * A map as an object file asks for it.
 *
 * @param type number of {@code enum bpf_map_type}
 * @param inner what its values are, for a map of maps, else null
 */
record MapDefinition(
        String name, int type, int keyBytes, int valueBytes, int maxEntries, int flags, MapDefinition inner) {
    static final int ARRAY = 2;
    static final int ARRAY_OF_MAPS = 12;
    static final int HASH_OF_MAPS = 13;

    boolean isMapOfMaps() {
        return type == ARRAY_OF_MAPS || type == HASH_OF_MAPS;
    }
}
