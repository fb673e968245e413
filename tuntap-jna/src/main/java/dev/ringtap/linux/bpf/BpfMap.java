// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A map in the kernel, owned by its descriptor. Values are set whole. */
final class BpfMap implements AutoCloseable {
    private final MapDefinition definition;
    private final OwnedFd fd;

    private BpfMap(MapDefinition definition, OwnedFd fd) {
        this.definition = definition;
        this.fd = fd;
    }

    static BpfMap create(MapDefinition definition) throws NativeException {
        if (!definition.isMapOfMaps()) return new BpfMap(definition, BpfCall.createMap(definition, null));
        // The kernel wants to see a map of the kind that will be held, and takes nothing but its shape from it.
        try (var example = create(definition.inner())) {
            return new BpfMap(definition, BpfCall.createMap(definition, example.fd));
        }
    }

    MapDefinition definition() {
        return definition;
    }

    OwnedFd fd() {
        return fd;
    }

    /** @param value off heap, of the definition's value size, or larger (the rest is ignored) */
    void set(int index, MemorySegment value) throws NativeException {
        if (value.byteSize() < definition.valueBytes() || definition.keyBytes() != 4)
            throw new IllegalArgumentException(value.byteSize() + " bytes for a value of " + definition);
        try (var arena = Arena.ofConfined()) {
            BpfCall.update(fd.number(), definition.name(), arena.allocateFrom(JAVA_INT, index), value);
        }
    }

    /**
     * Puts a map into a slot of this map of maps, which keeps it alive from now on. The kernel returns only when no
     * program runs any more that may have seen the slot's previous map (since Linux 4.20).
     */
    void set(int index, BpfMap inner) throws NativeException {
        try (var arena = Arena.ofConfined()) {
            set(index, arena.allocateFrom(JAVA_INT, inner.fd.number()));
        }
    }

    /** Sets a value by its key, both as long as the definition says; a per-CPU map takes it for every CPU. */
    void put(byte[] key, byte[] value) throws BpfException, NativeException {
        if (key.length != definition.keyBytes() || value.length != definition.valueBytes())
            throw new IllegalArgumentException(
                    key.length + " bytes of key and " + value.length + " of value for " + definition);
        int copies = definition.isPerCpu() ? PossibleCpus.count() : 1;
        // The kernel reads the value of each CPU from a multiple of 8.
        long stride = (value.length + 7L) / 8 * 8;
        try (var arena = Arena.ofConfined()) {
            var keyBytes = arena.allocate(key.length, 8).copyFrom(MemorySegment.ofArray(key));
            var valueBytes = arena.allocate(stride * copies, 8);
            for (int i = 0; i < copies; i++)
                MemorySegment.copy(value, 0, valueBytes, JAVA_BYTE, i * stride, value.length);
            BpfCall.update(fd.number(), definition.name(), keyBytes, valueBytes);
        }
    }

    /** From now on only programs change it, if they may. */
    void freeze() throws NativeException {
        BpfCall.freeze(fd.number(), definition.name());
    }

    void get(int index, MemorySegment value) throws NativeException {
        if (value.byteSize() < definition.valueBytes() || definition.keyBytes() != 4)
            throw new IllegalArgumentException(value.byteSize() + " bytes for a value of " + definition);
        try (var arena = Arena.ofConfined()) {
            BpfCall.lookup(fd.number(), definition.name(), arena.allocateFrom(JAVA_INT, index), value);
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
