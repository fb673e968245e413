// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What maps may take of this process's memory, together. An object may be anybody's, and its maps are made before a
 * program of it is looked at.
 */
final class MapMemory {
    /** Of an {@code AtomicReferenceArray}, with or without compressed pointers. */
    static final int REFERENCE_BYTES = 8;

    private final long bytesMax;
    private long bytesTaken;

    MapMemory(long bytesMax) {
        this.bytesMax = bytesMax;
    }

    /** To be called before the memory is allocated. */
    void take(MapDefinition definition, long bytes) throws BpfException {
        if (bytes > bytesMax - bytesTaken)
            throw ProgramMap.fault(
                    definition,
                    "would take " + bytes + " bytes more, but all maps of an object may take " + bytesMax
                            + " together, of which " + bytesTaken + " are taken");
        bytesTaken += bytes;
    }

    /** Zeros, outside the heap. */
    ByteBuffer direct(MapDefinition definition, int bytes) throws BpfException {
        take(definition, bytes);
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
