// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;

/** Values by index, for one or all processors. */
final class ArrayMap extends ProgramMap {
    private final int entries;
    private final int strideBytes;
    private final int valueBytes;

    /** Bytes of all values of one processor; 0 if there is only one set. */
    private final int cpuBytes;

    private final ByteBuffer values;

    ArrayMap(MapDefinition definition, MapMemory memory) throws BpfException {
        super(definition);
        if (definition.keyBytes() != 4) throw fault(definition, "must have keys of 4 bytes, the index");
        entries = definition.maxEntries();
        values = allocate(definition, entries, memory);
        strideBytes = strideBytes(definition);
        valueBytes = definition.valueBytes();
        cpuBytes = definition.isPerCpu() ? entries * strideBytes : 0;
        if (definition.firstValue() != null) values.put(0, definition.firstValue());
    }

    @Override
    ByteBuffer values() {
        return values;
    }

    @Override
    long lookup(Run run, int index, long key) {
        return lookup(run, index, (int) run.load(key, 4));
    }

    /** @param element its number, as in the key */
    long lookup(Run run, int index, int element) {
        return lookup(index, element, run.cpu);
    }

    long lookup(int index, int element, int cpu) {
        if (Integer.compareUnsigned(element, entries) >= 0) return 0;
        return Address.of(Address.VALUES + index, cpu * cpuBytes + element * strideBytes);
    }

    @Override
    long update(Run run, long key, long value, long flags) {
        if (flags > EXIST || flags < 0) return -Errno.EINVAL;
        int element = (int) run.load(key, 4);
        if (Integer.compareUnsigned(element, entries) >= 0) return -Errno.E2BIG;
        if (flags == NO_EXIST) return -Errno.EEXIST;
        run.read(value, values, run.cpu * cpuBytes + element * strideBytes, valueBytes);
        return 0;
    }

    @Override
    long delete(Run run, long key) {
        return -Errno.EINVAL;
    }

    @Override
    long forEach(Run run, int index, long map, long callback, long context) {
        long key = run.callbackKey();
        for (int i = 0; i < entries; i++) {
            // An empty callback costs as well.
            run.spend(1);
            run.store(key, 4, i);
            if (run.callback(callback, map, key, lookup(run, index, i), context) != 0) return i + 1L;
        }
        return entries;
    }

    @Override
    public byte[] lookup(byte[] key) {
        checkKey(key);
        int element = (int) Memory.load(key, 0, 4);
        if (Integer.compareUnsigned(element, entries) >= 0) return null;
        int copies = copies(definition());
        byte[] value = new byte[copies * valueBytes];
        for (int i = 0; i < copies; i++)
            values.get(i * cpuBytes + element * strideBytes, value, i * valueBytes, valueBytes);
        return value;
    }

    @Override
    public void update(byte[] key, byte[] value) {
        checkKey(key);
        checkValue(value);
        int element = (int) Memory.load(key, 0, 4);
        if (Integer.compareUnsigned(element, entries) >= 0)
            throw new IllegalArgumentException("map '" + definition().name() + "': index "
                    + Integer.toUnsignedString(element) + ", it has " + entries + " elements");
        for (int i = 0; i < copies(definition()); i++) values.put(i * cpuBytes + element * strideBytes, value);
    }
}
