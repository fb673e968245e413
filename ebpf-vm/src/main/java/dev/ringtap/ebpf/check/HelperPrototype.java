// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static dev.ringtap.ebpf.check.HelperPrototype.Argument.ANYTHING;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.CALLBACK;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.CALLBACK_CONTEXT;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.CONTEXT;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MAP;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MAP_KEY;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MAP_VALUE;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MEMORY;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MEMORY_OR_NULL;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.MEMORY_OUT;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.RECORD;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.RECORD_BYTES;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.SIZE;
import static dev.ringtap.ebpf.check.HelperPrototype.Argument.SIZE_OR_ZERO;

import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a helper wants and gives.
 *
 * @param types programs that may call it
 * @param packetAccess whether memory that it reads may lie in the packet
 * @param changesPacket whether pointers into the packet are invalid afterwards
 */
record HelperPrototype(
        int number,
        Set<ProgramType> types,
        boolean packetAccess,
        boolean changesPacket,
        Result result,
        List<Argument> arguments) {
    /** What must be in a register. A size belongs to the memory in the register before. */
    enum Argument {
        ANYTHING,
        CONTEXT,
        MAP,
        /** Memory that is read, as large as a key of the map in r1. */
        MAP_KEY,
        MAP_VALUE,
        MEMORY,
        MEMORY_OR_NULL,
        /** Memory that the helper writes; it need not have been written before. */
        MEMORY_OUT,
        SIZE,
        SIZE_OR_ZERO,
        /** A constant: the size of the record to reserve. */
        RECORD_BYTES,
        /** A reserved record, which the call gives back. */
        RECORD,
        CALLBACK,
        CALLBACK_CONTEXT
    }

    /** What is in r0 afterwards. */
    enum Result {
        NUMBER,
        NOTHING,
        MAP_VALUE_OR_NULL,
        RECORD_OR_NULL
    }

    static final int MAP_LOOKUP_ELEM = 1;
    static final int MAP_UPDATE_ELEM = 2;
    static final int MAP_DELETE_ELEM = 3;
    static final int FOR_EACH_MAP_ELEM = 164;
    static final int LOOP = 181;
    static final int MAP_LOOKUP_PERCPU_ELEM = 195;

    private static final Set<ProgramType> ALL = EnumSet.allOf(ProgramType.class);
    private static final Set<ProgramType> TC = EnumSet.of(ProgramType.SCHED_CLS, ProgramType.SCHED_ACT);
    private static final Map<Integer, HelperPrototype> TABLE = new HashMap<>();

    static {
        read(MAP_LOOKUP_ELEM, Result.MAP_VALUE_OR_NULL, MAP, MAP_KEY);
        read(MAP_UPDATE_ELEM, Result.NUMBER, MAP, MAP_KEY, MAP_VALUE, ANYTHING);
        read(MAP_DELETE_ELEM, Result.NUMBER, MAP, MAP_KEY);
        add(5, ALL); // ktime_get_ns
        add(6, ALL, MEMORY, SIZE); // trace_printk: what r3 to r5 hold is for the format to say
        add(7, ALL); // get_prandom_u32
        add(8, ALL); // get_smp_processor_id
        change(9, CONTEXT, ANYTHING, MEMORY, SIZE, ANYTHING); // skb_store_bytes
        change(10, CONTEXT, ANYTHING, ANYTHING, ANYTHING, ANYTHING); // l3_csum_replace
        change(11, CONTEXT, ANYTHING, ANYTHING, ANYTHING, ANYTHING); // l4_csum_replace
        change(18, CONTEXT, ANYTHING, ANYTHING); // skb_vlan_push
        change(19, CONTEXT); // skb_vlan_pop
        add(26, ALL, CONTEXT, ANYTHING, MEMORY_OUT, SIZE); // skb_load_bytes
        TABLE.put(
                28, // csum_diff
                new HelperPrototype(
                        28,
                        TC,
                        true,
                        false,
                        Result.NUMBER,
                        List.of(MEMORY_OR_NULL, SIZE_OR_ZERO, MEMORY_OR_NULL, SIZE_OR_ZERO, ANYTHING)));
        add(32, TC, CONTEXT, ANYTHING); // skb_change_type
        add(34, TC, CONTEXT); // get_hash_recalc
        change(38, CONTEXT, ANYTHING, ANYTHING); // skb_change_tail
        change(39, CONTEXT, ANYTHING); // skb_pull_data
        add(40, TC, CONTEXT, ANYTHING); // csum_update
        add(41, TC, CONTEXT); // set_hash_invalid
        add(42, ALL); // get_numa_node_id
        change(43, CONTEXT, ANYTHING, ANYTHING); // skb_change_head
        add(46, ALL, CONTEXT); // get_socket_cookie
        add(47, ALL, CONTEXT); // get_socket_uid
        add(48, TC, CONTEXT, ANYTHING); // set_hash
        add(68, ALL, CONTEXT, ANYTHING, MEMORY_OUT, SIZE, ANYTHING); // skb_load_bytes_relative
        add(118, ALL); // jiffies64
        add(125, ALL); // ktime_get_boot_ns
        add(130, ALL, MAP, MEMORY, SIZE_OR_ZERO, ANYTHING); // ringbuf_output
        add(131, ALL, Result.RECORD_OR_NULL, MAP, RECORD_BYTES, ANYTHING); // ringbuf_reserve
        add(132, ALL, Result.NOTHING, RECORD, ANYTHING); // ringbuf_submit
        add(133, ALL, Result.NOTHING, RECORD, ANYTHING); // ringbuf_discard
        add(134, ALL, MAP, ANYTHING); // ringbuf_query
        add(160, ALL); // ktime_get_coarse_ns
        add(FOR_EACH_MAP_ELEM, ALL, MAP, CALLBACK, CALLBACK_CONTEXT, ANYTHING);
        add(LOOP, ALL, ANYTHING, CALLBACK, CALLBACK_CONTEXT, ANYTHING);
        read(MAP_LOOKUP_PERCPU_ELEM, Result.MAP_VALUE_OR_NULL, MAP, MAP_KEY, ANYTHING);
        add(208, ALL); // ktime_get_tai_ns
    }

    /** Null if it is not known. */
    static HelperPrototype of(int number) {
        return TABLE.get(number);
    }

    /** Numbers of all helpers that are known. */
    static Set<Integer> numbers() {
        return TABLE.keySet();
    }

    /** Whether the helper changes the map in r1. */
    boolean changesMap() {
        return number == MAP_UPDATE_ELEM || number == MAP_DELETE_ELEM;
    }

    boolean callsBack() {
        return arguments.contains(CALLBACK);
    }

    /** Whether the helper works on maps of this type. */
    boolean accepts(MapDefinition map) {
        boolean ringBuffer = map.type() == MapDefinition.RINGBUF;
        return switch (number) {
            case 130, 131, 134 -> ringBuffer;
            case MAP_UPDATE_ELEM -> !ringBuffer && !map.isMapOfMaps();
            case FOR_EACH_MAP_ELEM -> !ringBuffer && !map.isMapOfMaps();
            case MAP_LOOKUP_PERCPU_ELEM -> map.isPerCpu();
            case MAP_DELETE_ELEM -> !ringBuffer && !map.isMapOfMaps();
            default -> !ringBuffer && (!map.isMapOfMaps() || map.inner() != null);
        };
    }

    private static void read(int number, Result result, Argument... arguments) {
        TABLE.put(number, new HelperPrototype(number, ALL, true, false, result, List.of(arguments)));
    }

    private static void add(int number, Set<ProgramType> types, Argument... arguments) {
        add(number, types, Result.NUMBER, arguments);
    }

    private static void add(int number, Set<ProgramType> types, Result result, Argument... arguments) {
        TABLE.put(number, new HelperPrototype(number, types, false, false, result, List.of(arguments)));
    }

    private static void change(int number, Argument... arguments) {
        TABLE.put(number, new HelperPrototype(number, TC, false, true, Result.NUMBER, List.of(arguments)));
    }
}
