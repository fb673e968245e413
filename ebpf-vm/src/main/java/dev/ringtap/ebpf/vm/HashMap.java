// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;

/**
 * Values by key, for one or all processors. With LRU a full map gives up an element that was not looked up lately:
 * approximately the least recently used one, as in the kernel. A value is replaced as a whole: the new one gets a slot of
 * its own and takes the key over.
 */
final class HashMap extends ProgramMap {
    /** Slots beyond the elements, so that a replaced value rests a while before its slot is used again. */
    private static final int SPARE_SLOTS = 16;

    /** Empty slots that are passed over in about the time of an instruction. */
    private static final int SLOTS_AN_INSTRUCTION = 64;

    private final int entries;
    private final boolean lru;
    private final int valueBytes;
    private final int slotBytes;
    private final int cpuBytes;
    private final SlotTable slots;
    private final ByteBuffer values;

    /** Of LRU: looked up since the hand came by. Racy on purpose: it is a hint. */
    private final boolean[] recent;

    private int hand;

    HashMap(MapDefinition definition, MapMemory memory) throws BpfException {
        super(definition);
        int type = definition.type();
        lru = type == MapDefinition.LRU_HASH || type == MapDefinition.LRU_PERCPU_HASH;
        entries = definition.maxEntries();
        if (entries <= 0 || entries > Integer.MAX_VALUE - SPARE_SLOTS) throw fault(definition, "has too many entries");
        int count = entries + SPARE_SLOTS;
        values = allocate(definition, count, memory);
        slots = new SlotTable(definition, count, memory);
        if (lru) memory.take(definition, count);
        recent = new boolean[lru ? count : 0];
        valueBytes = definition.valueBytes();
        cpuBytes = definition.isPerCpu() ? strideBytes(definition) : 0;
        slotBytes = strideBytes(definition) * copies(definition);
    }

    @Override
    ByteBuffer values() {
        return values;
    }

    private long address(int index, int slot, int cpu) {
        return Address.of(Address.VALUES + index, slot * slotBytes + cpu * cpuBytes);
    }

    @Override
    long lookup(Run run, int index, long key) {
        return lookup(run, index, key, run.cpu);
    }

    long lookup(Run run, int index, long key, int cpu) {
        int slot = slots.find(run.key(key, definition().keyBytes()));
        if (slot == SlotTable.NONE) return 0;
        if (lru) recent[slot] = true;
        return address(index, slot, cpu);
    }

    @Override
    long update(Run run, long key, long value, long flags) {
        if (flags > EXIST || flags < 0) return -Errno.EINVAL;
        byte[] bytes = run.key(key, definition().keyBytes());
        long stamp = slots.lock.writeLock();
        try {
            int old = slots.findLocked(bytes);
            if (flags == NO_EXIST && old != SlotTable.NONE) return -Errno.EEXIST;
            if (flags == EXIST && old == SlotTable.NONE) return -Errno.ENOENT;
            if (old != SlotTable.NONE && cpuBytes != 0) {
                // The other processors' values stay.
                run.read(value, values, old * slotBytes + run.cpu * cpuBytes, valueBytes);
                return 0;
            }
            int slot = take(bytes, old);
            if (slot == SlotTable.NONE) return -Errno.E2BIG;
            zero(slot);
            run.read(value, values, slot * slotBytes + run.cpu * cpuBytes, valueBytes);
            slots.link(slot, old);
            return 0;
        } finally {
            slots.lock.unlockWrite(stamp);
        }
    }

    private void zero(int slot) {
        for (int at = slot * slotBytes; at < (slot + 1) * slotBytes; at += 8) values.putLong(at, 0);
    }

    private int take(byte[] key, int old) {
        if (old == SlotTable.NONE && slots.count() >= entries) {
            if (!lru) return SlotTable.NONE;
            slots.remove(victim());
        }
        int slot = slots.take(key);
        if (lru) recent[slot] = false;
        return slot;
    }

    /** Clock: the hand passes over those that were looked up since it came by, and takes the first that was not. */
    private int victim() {
        while (true) {
            int slot = hand;
            hand = (hand + 1) % slots.slots();
            if (!slots.isUsed(slot)) continue;
            if (!recent[slot]) return slot;
            recent[slot] = false;
        }
    }

    @Override
    long delete(Run run, long key) {
        return deleteKey(run.key(key, definition().keyBytes())) ? 0 : -Errno.ENOENT;
    }

    private boolean deleteKey(byte[] key) {
        long stamp = slots.lock.writeLock();
        try {
            int slot = slots.findLocked(key);
            if (slot == SlotTable.NONE) return false;
            slots.remove(slot);
            return true;
        } finally {
            slots.lock.unlockWrite(stamp);
        }
    }

    @Override
    long forEach(Run run, int index, long map, long callback, long context) {
        int keyBytes = definition().keyBytes();
        long key = run.callbackKey();
        byte[] bytes = new byte[keyBytes];
        long calls = 0;
        // Elements that come and go meanwhile may or may not be seen.
        for (int slot = 0; slot < slots.slots(); slot++) {
            // An empty callback costs as well, and so does looking for an element, though little.
            if (slot % SLOTS_AN_INSTRUCTION == 0) run.spend(1);
            if (!slots.isUsed(slot)) continue;
            run.spend(1);
            slots.copyKey(slot, bytes);
            run.write(key, bytes, 0, keyBytes);
            calls++;
            if (run.callback(callback, map, key, address(index, slot, run.cpu), context) != 0) break;
        }
        return calls;
    }

    @Override
    public byte[] lookup(byte[] key) {
        checkKey(key);
        int copies = copies(definition());
        byte[] value = new byte[copies * valueBytes];
        // Under the lock the slot is not given to another key between finding and copying.
        long stamp = slots.lock.readLock();
        try {
            int slot = slots.findLocked(key);
            if (slot == SlotTable.NONE) return null;
            for (int i = 0; i < copies; i++)
                values.get(slot * slotBytes + i * cpuBytes, value, i * valueBytes, valueBytes);
            return value;
        } finally {
            slots.lock.unlockRead(stamp);
        }
    }

    @Override
    public void update(byte[] key, byte[] value) {
        checkKey(key);
        checkValue(value);
        long stamp = slots.lock.writeLock();
        try {
            int old = slots.findLocked(key);
            int slot = take(key, old);
            if (slot == SlotTable.NONE)
                throw new IllegalStateException("map '" + definition().name() + "' is full: " + entries + " elements");
            for (int i = 0; i < copies(definition()); i++) values.put(slot * slotBytes + i * cpuBytes, value);
            slots.link(slot, old);
        } finally {
            slots.lock.unlockWrite(stamp);
        }
    }

    @Override
    public boolean delete(byte[] key) {
        checkKey(key);
        return deleteKey(key);
    }
}
