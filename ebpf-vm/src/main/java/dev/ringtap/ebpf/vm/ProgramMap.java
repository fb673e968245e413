// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A map as programs see it. {@code index} is the map's place in {@link Run#maps}, {@code key} and {@code value} are
 * pointers; results are those of the helpers: a pointer or 0, and 0 or a negative error number.
 */
abstract sealed class ProgramMap implements VmMap permits ArrayMap, HashMap, MapOfMaps, RingBuffer {
    /** Flags of an update. */
    static final long ANY = 0;

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

    /** @throws BpfException if such a map is not supported or its sizes are wrong */
    static ProgramMap create(MapDefinition definition) throws BpfException {
        if ((definition.flags() & ~FLAGS) != 0)
            throw fault(
                    definition, "has flags 0x" + Integer.toHexString(definition.flags()) + " that are not supported");
        return switch (definition.type()) {
            case MapDefinition.ARRAY, MapDefinition.PERCPU_ARRAY -> new ArrayMap(definition);
            case MapDefinition.HASH, MapDefinition.LRU_HASH, MapDefinition.PERCPU_HASH, MapDefinition.LRU_PERCPU_HASH ->
                new HashMap(definition);
            case MapDefinition.ARRAY_OF_MAPS, MapDefinition.HASH_OF_MAPS -> new MapOfMaps(definition);
            case MapDefinition.RINGBUF -> new RingBuffer(definition);
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
    static ByteBuffer allocate(MapDefinition definition, long entries) throws BpfException {
        long bytes = entries * strideBytes(definition) * copies(definition);
        if (definition.valueBytes() <= 0 || entries <= 0 || bytes > Integer.MAX_VALUE)
            throw fault(definition, "has no values, or more than 2 GiB");
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static int strideBytes(MapDefinition definition) {
        return definition.valueBytes() + 7 & ~7;
    }

    static BpfException fault(MapDefinition definition, String what) {
        return new BpfException("map '" + definition.name() + "' (" + definition.typeName() + ", key "
                + definition.keyBytes() + " bytes, value " + definition.valueBytes() + " bytes, "
                + Integer.toUnsignedString(definition.maxEntries()) + " entries) " + what);
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
