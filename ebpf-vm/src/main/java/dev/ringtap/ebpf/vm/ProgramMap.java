// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;

/**
 * A map as programs see it. {@code index} is the map's place in {@link Run#maps}, {@code key} and {@code value} are
 * pointers; results are those of the helpers: a pointer or 0, and 0 or a negative error number.
 */
abstract sealed class ProgramMap implements VmMap permits ArrayMap, HashMap, MapOfMaps, RingBuffer {
    /** Flags of an update. */
    static final long NO_EXIST = 1;

    static final long EXIST = 2;

    private static final int NO_PREALLOC = 1;
    private static final int NO_COMMON_LRU = 1 << 1;
    private static final int NUMA_NODE = 1 << 2;
    private static final int MMAPABLE = 1 << 10;
    private static final int FLAGS =
            NO_PREALLOC | NO_COMMON_LRU | NUMA_NODE | MMAPABLE | MapDefinition.READ_ONLY_FOR_PROGRAMS;

    private final MapDefinition definition;

    ProgramMap(MapDefinition definition) {
        this.definition = definition;
    }

    /** A map that belongs to no object. */
    static ProgramMap create(MapDefinition definition) throws BpfException {
        return create(definition, new MapMemory(Long.MAX_VALUE));
    }

    /** @throws BpfException if such a map is not supported, its sizes are wrong, or there is no memory for it */
    static ProgramMap create(MapDefinition definition, MapMemory memory) throws BpfException {
        if ((definition.flags() & ~FLAGS) != 0)
            throw fault(
                    definition, "has flags 0x" + Integer.toHexString(definition.flags()) + " that are not supported");
        try {
            return make(definition, memory);
        } catch (OutOfMemoryError e) {
            // Its arrays and buffers are all that was asked for: nothing else is broken.
            var fault = fault(definition, "does not fit into the memory of this process: " + e.getMessage());
            fault.initCause(e);
            throw fault;
        }
    }

    private static ProgramMap make(MapDefinition definition, MapMemory memory) throws BpfException {
        return switch (definition.type()) {
            case MapDefinition.ARRAY, MapDefinition.PERCPU_ARRAY -> new ArrayMap(definition, memory);
            case MapDefinition.HASH, MapDefinition.LRU_HASH, MapDefinition.PERCPU_HASH, MapDefinition.LRU_PERCPU_HASH ->
                new HashMap(definition, memory);
            case MapDefinition.ARRAY_OF_MAPS, MapDefinition.HASH_OF_MAPS -> new MapOfMaps(definition, memory);
            case MapDefinition.RINGBUF -> new RingBuffer(definition, memory);
            default -> throw fault(definition, "is of a type that is not supported");
        };
    }

    @Override
    public final MapDefinition definition() {
        return definition;
    }

    /** Where its values are; null if it has none that a program points into. */
    ByteBuffer values() {
        return null;
    }

    abstract long lookup(Run run, int index, long key);

    abstract long update(Run run, long key, long value, long flags);

    abstract long delete(Run run, long key);

    /** Calls {@code callback(map, key, value, context)} for each element until it returns other than 0. */
    long forEach(Run run, int index, long map, long callback, long context) {
        return -Errno.EINVAL;
    }

    /** @return how many values there are of each key */
    static int copies(MapDefinition definition) {
        return definition.isPerCpu() ? VirtualCpus.COUNT : 1;
    }

    /** Room for values, each beginning at a multiple of 8 bytes. */
    static ByteBuffer allocate(MapDefinition definition, long entries, MapMemory memory) throws BpfException {
        if (definition.valueBytes() <= 0 || entries <= 0) throw fault(definition, "has no values");
        // Not multiplied with the entries before it is known that a long holds the product.
        long entryBytes = (definition.valueBytes() + 7L & ~7L) * copies(definition);
        if (entries > Integer.MAX_VALUE / entryBytes) throw fault(definition, "has more than 2 GiB of values");
        return memory.direct(definition, (int) (entries * entryBytes));
    }

    /** From one value to the next; of a map whose values were allocated. */
    static int strideBytes(MapDefinition definition) {
        return definition.valueBytes() + 7 & ~7;
    }

    static BpfException fault(MapDefinition definition, String what) {
        return new BpfException("map " + definition.description() + " " + what);
    }

    final void checkKey(byte[] key) {
        if (key.length != definition.keyBytes())
            throw new IllegalArgumentException("map '" + definition.name() + "': key of " + key.length
                    + " bytes, it has keys of " + definition.keyBytes());
    }

    final void checkValue(byte[] value) {
        if (value.length != definition.valueBytes())
            throw new IllegalArgumentException("map '" + definition.name() + "': value of " + value.length
                    + " bytes, it has values of " + definition.valueBytes());
    }

    final UnsupportedOperationException unsupported(String what) {
        return new UnsupportedOperationException(
                "map '" + definition.name() + "' (" + definition.typeName() + ") " + what);
    }

    @Override
    public byte[] lookup(byte[] key) {
        throw unsupported("has no values to look up");
    }

    @Override
    public void update(byte[] key, byte[] value) {
        throw unsupported("has no values of bytes");
    }

    @Override
    public void update(byte[] key, VmMap inner) {
        throw unsupported("does not hold maps");
    }

    @Override
    public boolean delete(byte[] key) {
        throw unsupported("has elements that cannot be deleted");
    }

    @Override
    public int drain(java.util.function.Consumer<byte[]> consumer) {
        throw unsupported("is no ring buffer");
    }

    @Override
    public String toString() {
        return "map '" + definition.name() + "' (" + definition.typeName() + ")";
    }
}
