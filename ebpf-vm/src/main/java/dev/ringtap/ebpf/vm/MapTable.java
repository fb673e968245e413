// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.nio.ByteBuffer;

/** The maps of a VM by index, as its programs address them. Not changed after loading. */
record MapTable(ProgramMap[] maps, ByteBuffer[] values) {
    static MapTable of(Iterable<ProgramMap> maps) {
        var list = new java.util.ArrayList<ProgramMap>();
        maps.forEach(list::add);
        return new MapTable(
                list.toArray(ProgramMap[]::new),
                list.stream().map(ProgramMap::values).toArray(ByteBuffer[]::new));
    }

    int count() {
        return maps.length;
    }
}
