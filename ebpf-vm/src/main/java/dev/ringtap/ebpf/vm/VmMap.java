// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * A map, shared by programs and this interface. Keys and values are bytes in the program's order, little-endian. Every
 * method may be called from any thread while programs run.
 */
public interface VmMap {
    /**
     * Makes a map that belongs to no object: one to put into a map of maps, whose {@code definition().inner()} says how it
     * must be.
     *
     * @throws BpfException if such a map is not supported, or does not fit into memory
     */
    static VmMap create(MapDefinition definition) throws BpfException {
        return ProgramMap.create(definition);
    }

    MapDefinition definition();

    /**
     * @param key as many bytes as a key has
     * @return a copy of the value, null if there is none. Of a per-CPU map: the values of all CPUs, one after the other
     * @throws IllegalArgumentException if the key has another size
     * @throws UnsupportedOperationException if the map has no keys, or its values are maps
     */
    byte[] lookup(byte[] key);

    /**
     * Inserts or replaces. Of a per-CPU map: one value for all CPUs.
     *
     * <p>A value is replaced as in the kernel: that of a hash as a whole, that of an array byte by byte under the eyes of
     * running programs.
     *
     * @throws IllegalArgumentException if a size is wrong, or the key is outside an array
     * @throws IllegalStateException if the map is full
     */
    void update(byte[] key, byte[] value);

    /**
     * Puts a map into a map of maps. A running program sees the old map or the new one; one that holds the old map
     * keeps it until its run ends.
     *
     * @throws IllegalArgumentException if the map is not of the kind that the definition says
     */
    void update(byte[] key, VmMap inner);

    /** @return whether there was a value. An element of an array cannot be deleted, that of an array of maps can. */
    boolean delete(byte[] key);

    /**
     * Of a ring buffer: hands over the records that programs have submitted, in order, and frees their room. One thread at
     * a time.
     *
     * @return how many
     * @throws UnsupportedOperationException if the map is no ring buffer
     */
    int drain(Consumer<byte[]> consumer);

    /** As {@link #lookup(byte[])}; takes all remaining bytes of {@code key}. */
    default byte[] lookup(ByteBuffer key) {
        return lookup(bytes(key));
    }

    /** As {@link #update(byte[], byte[])}; takes all remaining bytes of both. */
    default void update(ByteBuffer key, ByteBuffer value) {
        update(bytes(key), bytes(value));
    }

    /** As {@link #update(byte[], VmMap)}. */
    default void update(ByteBuffer key, VmMap inner) {
        update(bytes(key), inner);
    }

    /** As {@link #delete(byte[])}. */
    default boolean delete(ByteBuffer key) {
        return delete(bytes(key));
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }
}
