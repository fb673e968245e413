// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Maps by index or by key. Programs only look up; a slot changes by one reference, so a run sees the old map or the new
 * one. The old one lives as long as a run holds it: the garbage collector is what the kernel's grace period is there.
 */
final class MapOfMaps extends ProgramMap {
    private final int entries;

    /** Null for an array, whose slots are its indexes. */
    private final SlotTable slots;

    private final AtomicReferenceArray<ProgramMap> inner;

    MapOfMaps(MapDefinition definition, MapMemory memory) throws BpfException {
        super(definition);
        entries = definition.maxEntries();
        if (entries <= 0 || entries > 1 << 28) throw fault(definition, "has too many entries");
        boolean array = definition.type() == MapDefinition.ARRAY_OF_MAPS;
        if (array && definition.keyBytes() != 4) throw fault(definition, "must have keys of 4 bytes, the index");
        slots = array ? null : new SlotTable(definition, entries + 1, memory);
        memory.take(definition, (long) MapMemory.REFERENCE_BYTES * (entries + 1));
        inner = new AtomicReferenceArray<>(entries + 1);
    }

    @Override
    long lookup(Run run, int index, long key) {
        var map = slots == null
                ? element((int) run.load(key, 4))
                : find(run.key(key, definition().keyBytes()));
        return map == null ? 0 : run.mapAddress(map);
    }

    /** Of an array. */
    long lookup(Run run, int element) {
        var map = element(element);
        return map == null ? 0 : run.mapAddress(map);
    }

    private ProgramMap element(int element) {
        return Integer.compareUnsigned(element, entries) < 0 ? inner.get(element) : null;
    }

    private ProgramMap find(byte[] key) {
        long stamp = slots.lock.tryOptimisticRead();
        if (stamp != 0) {
            var map = inSlot(slots.findLocked(key));
            // Under one stamp: between finding and getting, the slot may become another key's.
            if (slots.lock.validate(stamp)) return map;
        }
        stamp = slots.lock.readLock();
        try {
            return inSlot(slots.findLocked(key));
        } finally {
            slots.lock.unlockRead(stamp);
        }
    }

    private ProgramMap inSlot(int slot) {
        return slot == SlotTable.NONE ? null : inner.get(slot);
    }

    @Override
    long update(Run run, long key, long value, long flags) {
        return -Errno.EINVAL;
    }

    @Override
    long delete(Run run, long key) {
        return -Errno.EINVAL;
    }

    @Override
    public void update(byte[] key, VmMap map) {
        checkKey(key);
        var wanted = definition().inner();
        var given = map.definition();
        // Programs were checked for the flags of the definition. The kernel lets arrays differ in their number of
        // elements only where a flag says so: here they must agree.
        if (!(map instanceof ProgramMap programMap)
                || map instanceof MapOfMaps
                || given.type() != wanted.type()
                || given.keyBytes() != wanted.keyBytes()
                || given.valueBytes() != wanted.valueBytes()
                || given.flags() != wanted.flags()
                || given.maxEntries() != wanted.maxEntries() && wanted.isIndexed())
            throw new IllegalArgumentException(
                    "map '" + definition().name() + "' holds maps like " + like(wanted) + ", not like " + like(given));
        if (slots == null) {
            inner.set(checkIndex(key), programMap);
            return;
        }
        long stamp = slots.lock.writeLock();
        try {
            int slot = slots.findLocked(key);
            if (slot == SlotTable.NONE) {
                if (slots.count() >= entries)
                    throw new IllegalStateException(
                            "map '" + definition().name() + "' is full: " + entries + " elements");
                slot = slots.take(key);
                inner.set(slot, programMap);
                slots.link(slot, SlotTable.NONE);
            } else {
                inner.set(slot, programMap);
            }
        } finally {
            slots.lock.unlockWrite(stamp);
        }
    }

    private static String like(MapDefinition map) {
        return map.description() + " with flags 0x" + Integer.toHexString(map.flags());
    }

    @Override
    public boolean delete(byte[] key) {
        checkKey(key);
        if (slots == null) return inner.getAndSet(checkIndex(key), null) != null;
        long stamp = slots.lock.writeLock();
        try {
            int slot = slots.findLocked(key);
            if (slot == SlotTable.NONE) return false;
            slots.remove(slot);
            inner.set(slot, null);
            return true;
        } finally {
            slots.lock.unlockWrite(stamp);
        }
    }

    private int checkIndex(byte[] key) {
        int element = (int) Memory.load(key, 0, 4);
        if (Integer.compareUnsigned(element, entries) >= 0)
            throw new IllegalArgumentException("map '" + definition().name() + "': index "
                    + Integer.toUnsignedString(element) + ", it has " + entries + " elements");
        return element;
    }
}
