// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/** Helpers on maps. r1 is the map, but for those on a reserved record. */
final class MapHelpers {
    private MapHelpers() {}

    static long lookup(Run run, long map, long key, long r3, long r4, long r5) {
        return run.map(map).lookup(run, Address.offset(map), key);
    }

    /** As {@link #lookup} in an array that was found in a map of maps. */
    static long lookupArray(Run run, long map, int element) {
        return ((ArrayMap) run.map(map)).lookup(run, Address.offset(map), element);
    }

    static long update(Run run, long map, long key, long value, long flags, long r5) {
        return run.map(map).update(run, key, value, flags);
    }

    static long delete(Run run, long map, long key, long r3, long r4, long r5) {
        return run.map(map).delete(run, key);
    }

    static long lookupPerCpu(Run run, long map, long key, long cpu, long r4, long r5) {
        if (Integer.compareUnsigned((int) cpu, VirtualCpus.COUNT) >= 0) return 0;
        return switch (run.map(map)) {
            case ArrayMap array -> array.lookup(Address.offset(map), (int) run.load(key, 4), (int) cpu);
            case dev.ringtap.ebpf.vm.HashMap hash -> hash.lookup(run, Address.offset(map), key, (int) cpu);
            default -> 0;
        };
    }

    static long forEach(Run run, long map, long callback, long context, long flags, long r5) {
        if (flags != 0) return -Errno.EINVAL;
        return run.map(map).forEach(run, Address.offset(map), map, callback, context);
    }

    static long ringOutput(Run run, long map, long data, long size, long flags, long r5) {
        return ring(run, map).output(run, Address.offset(map), data, size);
    }

    static long ringReserve(Run run, long map, long size, long flags, long r4, long r5) {
        if (flags != 0) return 0;
        long record = ring(run, map).reserve(Address.offset(map), size);
        if (record != 0) run.opened(record);
        return record;
    }

    static long ringSubmit(Run run, long record, long flags, long r3, long r4, long r5) {
        run.close(record, false);
        return 0;
    }

    static long ringDiscard(Run run, long record, long flags, long r3, long r4, long r5) {
        run.close(record, true);
        return 0;
    }

    static long ringQuery(Run run, long map, long what, long r3, long r4, long r5) {
        return ring(run, map).query(what);
    }

    private static RingBuffer ring(Run run, long map) {
        return (RingBuffer) run.map(map);
    }
}
