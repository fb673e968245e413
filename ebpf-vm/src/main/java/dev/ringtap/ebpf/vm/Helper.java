// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.isa.HelperNames;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * A function that programs call by number, and the types of programs that may, as the kernel has it.
 *
 * @param number of {@code enum bpf_func_id}
 */
record Helper(int number, Set<ProgramType> types, Body body) {
    /** Takes what is in the registers, returns what r0 becomes. */
    @FunctionalInterface
    interface Body {
        long call(Run run, long r1, long r2, long r3, long r4, long r5);
    }

    static final int MAP_LOOKUP_ELEM = 1;
    static final int SKB_LOAD_BYTES = 26;
    static final int SKB_LOAD_BYTES_RELATIVE = 68;
    static final int RINGBUF_RESERVE = 131;
    static final int FOR_EACH_MAP_ELEM = 164;
    static final int LOOP = 181;
    static final int MAP_LOOKUP_PERCPU_ELEM = 195;

    private static final Set<ProgramType> ALL = EnumSet.allOf(ProgramType.class);
    private static final Set<ProgramType> TC = EnumSet.of(ProgramType.SCHED_CLS, ProgramType.SCHED_ACT);
    private static final Map<Integer, Helper> BY_NUMBER = new HashMap<>();

    static {
        add(MAP_LOOKUP_ELEM, ALL, MapHelpers::lookup);
        add(2, ALL, MapHelpers::update);
        add(3, ALL, MapHelpers::delete);
        add(5, ALL, SystemHelpers::nanoTime);
        add(6, ALL, TraceHelper::print);
        add(7, ALL, SystemHelpers::random);
        add(8, ALL, SystemHelpers::cpu);
        add(9, TC, PacketHelpers::storeBytes);
        add(10, TC, ChecksumHelpers::replaceL3);
        add(11, TC, ChecksumHelpers::replaceL4);
        add(18, TC, VlanHelpers::push);
        add(19, TC, VlanHelpers::pop);
        add(SKB_LOAD_BYTES, ALL, PacketHelpers::loadBytes);
        add(28, TC, ChecksumHelpers::difference);
        add(32, TC, PacketHelpers::changeType);
        add(34, TC, PacketHelpers::hash);
        add(38, TC, PacketHelpers::changeTail);
        add(39, TC, PacketHelpers::pullData);
        add(40, TC, ChecksumHelpers::update);
        add(41, TC, PacketHelpers::invalidateHash);
        add(42, ALL, SystemHelpers::numaNode);
        add(43, TC, PacketHelpers::changeHead);
        add(46, ALL, SystemHelpers::noSocketCookie);
        add(47, ALL, SystemHelpers::noSocketUser);
        add(48, TC, PacketHelpers::setHash);
        add(SKB_LOAD_BYTES_RELATIVE, ALL, PacketHelpers::loadBytesRelative);
        add(118, ALL, SystemHelpers::jiffies);
        add(125, ALL, SystemHelpers::nanoTime);
        add(130, ALL, MapHelpers::ringOutput);
        add(RINGBUF_RESERVE, ALL, MapHelpers::ringReserve);
        add(132, ALL, MapHelpers::ringSubmit);
        add(133, ALL, MapHelpers::ringDiscard);
        add(134, ALL, MapHelpers::ringQuery);
        add(160, ALL, SystemHelpers::nanoTime);
        add(FOR_EACH_MAP_ELEM, ALL, MapHelpers::forEach);
        add(LOOP, ALL, SystemHelpers::loop);
        add(MAP_LOOKUP_PERCPU_ELEM, ALL, MapHelpers::lookupPerCpu);
        add(208, ALL, SystemHelpers::wallClock);
    }

    private static void add(int number, Set<ProgramType> types, Body body) {
        BY_NUMBER.put(number, new Helper(number, types, body));
    }

    /** Null if there is none. */
    static Helper of(int number) {
        return BY_NUMBER.get(number);
    }

    String name() {
        return HelperNames.of(number);
    }
}
